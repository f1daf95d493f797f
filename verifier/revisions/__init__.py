"""How the verdicts of a test change along the history of a kernel's repository.

``commits`` asks git which revisions may matter, ``takings`` says what a test takes at each of them, ``judge``
decides what differs, ``turns`` finds where verdicts change. ``found`` has the results.
"""

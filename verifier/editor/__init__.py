"""What an editor asks about a litmus file: functions over text, and a language server that serves them.

Only ``server.py`` needs pygls, an extra. Everything else takes texts and offsets, and answers for texts that
are being typed, too.
"""

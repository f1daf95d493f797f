"""x86-TSO, and the parts that it shares with sequential consistency.

The textbook has events for loads and commits of stores::

    acyclic(po-loc | rf | co | fr)
    ghb = po & (R*M | W*W) | mfence | implied | rfe | co | fr
    acyclic(ghb)

Here ``I`` (the instants, see ``candidate``) stands for loads, and ``S`` (commits of buffered stores) for
stores.  ``drain`` says what ``mfence`` and ``implied`` say together: an event of ``D`` is an instant that
waits for an empty store buffer, and all later instants come after it.  A LOCK'd operation is one event that
reads and writes, so ``empty(rmw & (fre;coe))`` follows from ``acyclic(ghb)``.
"""

from __future__ import annotations

from verifier.model.algebra import R
from verifier.model.candidate import X


def po(x: X[R]) -> R:
    """Program order, for sequential consistency."""
    return x.po


def po_loc(x: X[R]) -> R:
    """Program order at one cell (MMR 1.1; SDM 8.2.2; uniproc of x86tso.cat)."""
    return x.po & x.loc


def rf(x: X[R]) -> R:
    """Reads-from, own stores included (MMR 1.1)."""
    return x.rfe | x.rfi


def co(x: X[R]) -> R:
    """Coherence: the order in which stores to one cell reach memory (MMR 1.1)."""
    return x.co


def fr(x: X[R]) -> R:
    """From-read: a read of a store comes before all later stores to that cell (MMR 1.1); cell by cell.
    A LOCK'd operation reads and writes at one instant, so the identity is left out."""
    return x.none.plus((~c.rf @ c.co).irreflexive() for c in x.cells)


def ppo(x: X[R]) -> R:
    """Program order, without the pairs store -> later instant (MMR 1.1; SDM 8.2.2, 8.2.3.2-8.2.3.4)."""
    return x.po & (x.I * (x.I | x.S) | x.S * x.S)


def drain(x: X[R]) -> R:
    """The store buffer is empty at LOCK'd operations and MFENCE (MMR 2.1, 2.3; SDM 8.2.2), at
    serializing instructions (MMR 5.3, 9.2; SDM 8.3), at sends by smp_call_function (MMR 8.2 and
    17.4), and when an interrupt or exception is delivered (MMR 8.4; SDM 11.10, APM2 7.5.1)."""
    return x.po & (x.S * x.D)


def drain_nt(x: X[R]) -> R:
    """Non-temporal stores have reached memory at the same events (MMR 2.6; SDM 11.3, APM2 7.5.2).
    They come after earlier instants; other stores do not order them. The end of an RCU section and
    ``call_rcu`` wait for all stores, non-temporal ones too (MMR 18.2, 18.3)."""
    return x.po & (x.NT * (x.D | x.Q) | x.I * x.NT)


def sfence(x: X[R]) -> R:
    """SFENCE: stores before it reach memory before stores after it; loads pass it (MMR 2.5)."""
    stores = x.S | x.NT
    return x.po & (stores * x.SF | x.SF * stores)


def icr(x: X[R]) -> R:
    """An x2APIC write waits for the instants of ``H`` (MMR 8.2; SDM 10.12.3, APM2 16.11.2). Events that
    wait for an empty store buffer, and later sends, wait for the write. A LOCK'd operation alone does not
    hold the write, but a write that depends on the value it read comes after it."""
    return x.po & (x.H * x.ICR | x.ICR * (x.D | x.ICR)) | x.asking


def rfe(x: X[R]) -> R:
    """A store that is read elsewhere has left its store buffer (MMR 1.1, 3.2)."""
    return x.rfe

"""Profiles: the switches of the memory model, and their values for each kind of machine.

A switch stands for a point on which the sources say nothing, or on which vendors differ.  The default,
profile ``generic``, has the value that admits more, unless this value would condemn every kernel.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.errors import UsageError
from verifier.records import NamedTuple


class Switches(NamedTuple):
    """The values of all switches. The numbers are those of rules in docs/memory-model.md."""

    store_buffer: bool = True  # 1.1: stores reach memory later than they execute
    walk_forward: str = "both"  # 3.5: both, memory_only, forward_always
    spontaneous: bool = True  # 3.3: walks need no access; if false, only accesses walk, and set no A or D
    mfence_serializing: bool = False  # 2.3
    tce: bool = True  # 5.1: INVLPG leaves upper entries that do not lead to its address
    amd_invpcid_serializing: bool = True  # 5.2
    spurious_prot_fault: bool = True  # 6.2
    fault_walk: str = "confirmed"  # 6.3: confirmed, rewalk, spurious_once
    d_on_ro: bool = True  # 7.3
    d_sets_a: str = "either"  # 7.3: what becomes of a clear A when D is set: either, always, never
    dlv_drains_sb: bool = True  # 8.4
    dlv_serializing: bool = False  # 8.4
    x2apic_fence: str = "mfence_lfence"  # 8.2: mfence_lfence, mfence, sfence
    amd_x2apic_ordered: bool = False  # 8.2
    ucw_blocks_later_loads: bool = False  # 8.1
    smc: str = "intel"  # 10.2: intel, amd
    invlpgb_after_earlier_stores: bool = False  # 11.3
    tlbsync_waits_remote_stores: bool = True  # 11.3
    errata_invlpg_global_pcid: bool = False  # 5.9
    kernel: str = "any"  # 19.1: the version whose words these are, or "any" of ``KERNELS``

    @property
    def faults_by_loads(self) -> bool:
        """Are all levels of a walk that faults loads of its access (6.3)? So is each walk if software fills
        the TLBs (3.3)."""
        return self.fault_walk == "rewalk" or not self.spontaneous


# The kernels in which the code of some word changed. Each stands for all versions up to the next one.
KERNELS = ("v4.0", "v4.19", "v5.8", "v5.13", "v5.16", "v6.9", "v6.17")
# From here on calls that are waited for are first (17.7), and idle CPUs find calls by themselves (8.12).
CALL_QUEUE = KERNELS.index("v5.8")

FLAVOURS = KERNELS[: KERNELS.index("v5.8")]  # these stand for kernels before v4.20, too (18.1)

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "walk_forward": ("both", "memory_only", "forward_always"),
        "fault_walk": ("confirmed", "rewalk", "spurious_once"),
        "d_sets_a": ("either", "always", "never"),
        "x2apic_fence": ("mfence_lfence", "mfence", "sfence"),
        "smc": ("intel", "amd"),
        "kernel": ("any", *KERNELS),
    }
)

GENERIC = Switches()

_AMD = Switches(
    mfence_serializing=True,
    spurious_prot_fault=False,
    fault_walk="rewalk",
    d_on_ro=False,
    d_sets_a="always",
    dlv_serializing=True,
    x2apic_fence="mfence",
    smc="amd",
)

PROFILES: Mapping[str, Switches] = MappingProxyType(
    {
        "generic": GENERIC,
        "intel": Switches(tce=False),
        "amd": _AMD,
        "sparc64": Switches(spontaneous=False, walk_forward="forward_always", fault_walk="rewalk",
                            spurious_prot_fault=False),
        "sc": Switches(store_buffer=False),
    }
)  # fmt: skip


MODEL_NAMES = ("x86-tso", "sc")


def under(model: str, s: Switches) -> Switches:
    """The switches under a model: ``sc`` has no store buffers.

    Raises ``UsageError`` for a model that does not exist.
    """
    if model not in MODEL_NAMES:
        raise UsageError(f"unknown model {model!r}; use one of {', '.join(MODEL_NAMES)}")
    return s._replace(store_buffer=False) if model == "sc" else s


def switches(profile: str = "generic", settings: Mapping[str, str] = MappingProxyType({})) -> Switches:
    """The switches of a profile, with the changes in ``settings``.

    ``settings`` maps names to values as users write them (``true``, ``false``, or one of
    ``CHOICES``). Raises ``UsageError`` for a profile, a switch or a value that does not exist.
    """
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}; there are {', '.join(PROFILES)}")
    if not settings:
        return PROFILES[profile]
    values: dict[str, Any] = PROFILES[profile]._asdict()
    for name, text in settings.items():
        if name not in Switches._fields:
            raise UsageError(f"unknown switch {name!r}; there are {', '.join(Switches._fields)}")
        choices = CHOICES.get(name, ("true", "false"))
        if name == "kernel":
            text = _kernel(text)
        if text.lower() not in choices:
            known = "any, or a version, such as v6.1" if name == "kernel" else f"one of {', '.join(choices)}"
            raise UsageError(f"switch {name} is {known}, not {text!r}")
        values[name] = text.lower() if name in CHOICES else text.lower() == "true"
    return Switches(**values)


def _version(text: str) -> tuple[int, int] | None:
    """``v5.10`` as (5, 10). The ``v`` and a third number are optional."""
    found = re.fullmatch(r"v?(\d{1,3})\.(\d{1,3})(\.\d{1,4})?", text)
    return (int(found[1]), int(found[2])) if found else None


def _kernel(text: str) -> str:
    """The kernel of ``KERNELS`` that stands for a version. A text that is not a version stays as it is."""
    asked = _version(text)
    if asked is None:
        return text
    return [k for k in KERNELS if (_version(k) or asked) <= asked or k == KERNELS[0]][-1]


def kernels(s: Switches, versions: Collection[int], tree: int | None = None) -> tuple[int, ...]:
    """The kernels to look at, as indices into ``KERNELS``. ``versions`` are the kernels at which a word of
    the test changes; of kernels with the same words, the first one is enough. ``tree``: the kernel whose text
    the test takes; the switch goes before it."""
    if not versions:
        return (0,)
    asked: Iterable[int] = range(len(KERNELS)) if s.kernel == "any" else (KERNELS.index(s.kernel),)
    if s.kernel == "any" and tree is not None:
        asked = (tree,)
    return tuple(sorted({max(v for v in (0, *versions) if v <= k) for k in asked}))


def kernel_of(major: int, minor: int) -> int:
    """The kernel of a version, as an index into ``KERNELS``."""
    return KERNELS.index(_kernel(f"v{major}.{minor}"))

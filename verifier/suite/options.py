"""The options of a decision, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.errors import UsageError
from verifier.program.profiles import MODEL_NAMES, Switches, switches
from verifier.records import dataclass, field
from verifier.suite.worker import Limits

# The choices; the first of each is the default.
JUDGES = ("z3", "explorer", "both")

MAX_SECONDS = 1e9
MAX_MEMORY = 1 << 30  # MB


@dataclass(frozen=True, slots=True)
class Options:
    """How to decide. Raises ``UsageError`` for values that do not exist or are out of range.

    ``timeout``     in seconds, for each test and judge; None: no limit;
    ``memory``      in MB, for the process that decides a test; without such a process it does not count;
    ``strict``      treat warnings as errors;
    ``skip_other``  skip files for other architectures;
    ``witnesses``   tell a run in which the outcome happens and, if the test says ``forall``, one in which it
                    does not; ``counters``: tell the second one for every test;
    ``kernel``      the kernel tree of tests about its own text: DIR or DIR@REV;
    ``more``        seconds that the process has besides, for what is made of the verdict;
    ``store``       the file of a results store (docs/suites.md); ``fresh``: write answers to it, use none;
    ``dask``        the address of a Dask scheduler whose workers decide.
    """

    model: str = MODEL_NAMES[0]
    judge: str = JUDGES[0]
    unroll: int | None = None
    timeout: float | None = 60.0
    seed: int = 0
    states: bool = False
    witnesses: bool = True
    defines: Mapping[str, int] = field(default_factory=dict)
    profile: str = "generic"
    settings: Mapping[str, str] = field(default_factory=dict)
    counters: bool = False
    more: float = 0.0
    memory: int | None = None
    strict: bool = False
    skip_other: bool = False
    kernel: str | None = None
    store: str | None = None
    fresh: bool = False
    dask: str | None = None

    def __post_init__(self) -> None:
        for what, word, known in (("model", self.model, MODEL_NAMES), ("judge", self.judge, JUDGES)):
            if word not in known:
                raise UsageError(f"unknown {what} {word!r}; use one of {', '.join(known)}")
        if self.unroll is not None and not (_whole(self.unroll) and self.unroll >= 0):
            raise UsageError(f"unroll must be a whole number, 0 or more, not {self.unroll!r}")
        if self.timeout is not None and not (_number(self.timeout) and 0 < self.timeout < MAX_SECONDS):
            raise UsageError(f"timeout must be a positive number of seconds, not {self.timeout!r}")
        if self.memory is not None and not (_whole(self.memory) and 0 < self.memory <= MAX_MEMORY):
            raise UsageError(
                f"memory must be a whole number of MB from 1 to {MAX_MEMORY}, not {self.memory!r}"
            )
        for name, value in self.settings.items():
            if not isinstance(value, str):
                hint = f"{str(value).lower()!r}" if isinstance(value, bool) else "a string"
                raise UsageError(f"the value of switch {name} must be {hint}, not {value!r}")

    @property
    def limits(self) -> Limits:
        """The limits of a process that decides a test.

        It has more time than ``timeout``, so that it can notice by itself that the time is over.
        """
        judges = 2 if self.judge == "both" else 1
        seconds = None if self.timeout is None else 5 + 1.1 * (judges * self.timeout + self.more)
        return Limits(self.memory, seconds)

    @property
    def switches(self) -> Switches:
        """The profile's switches with the settings. Raises ``UsageError`` for unknown names and values."""
        return switches(self.profile, self.settings)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, float) or _whole(value)

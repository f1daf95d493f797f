"""The kernel's loops over CPUs, which are statements: one row for each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from verifier.program.expressions import TRUE, Expr, Reg
from verifier.records import dataclass
from verifier.words.rows import f


@dataclass(frozen=True, slots=True)
class CpuLoop:
    """A row: the masks that it takes after the counter, by the names that ``wanted`` has for their bits;
    ``wanted``: does it visit a CPU? The kernel's find_next_and_bit() and the like read one word of the
    first mask, then one of the second (lib/find_bit.c)."""

    name: str
    masks: tuple[str, ...] = ()
    wanted: Expr = TRUE

    @property
    def signature(self) -> str:
        """How it is written."""
        return f"{self.name}({', '.join(('cpu', *self.masks))})"


_ROWS = (
    CpuLoop("for_each_cpu", ("m",), Reg("m")),
    CpuLoop("for_each_cpu_and", ("m", "o"), f("and", "m", "o")),
    CpuLoop("for_each_cpu_andnot", ("m", "o"), f("and", "m", f("not", "o"))),
    CpuLoop("for_each_cpu_or", ("m", "o"), f("or", "m", "o")),
    CpuLoop("for_each_online_cpu"),
    CpuLoop("for_each_possible_cpu"),
    CpuLoop("for_each_present_cpu"),
)

BY_NAME = {loop.name: loop for loop in _ROWS}
LOOPS: Mapping[str, CpuLoop] = MappingProxyType(BY_NAME)

"""Tests of one shape and any size. ``python -m benchmarks.scaling ring 12`` prints one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence


def _assembly(
    name: str, columns: Sequence[Sequence[str]], places: Sequence[str], shown: Sequence[str]
) -> str:
    rows = range(max(map(len, columns)))
    lines = [[column[row] if row < len(column) else "" for column in columns] for row in rows]
    return "\n".join(
        [
            f"X86 {name}",
            "{ " + " ".join(f"{place}=0;" for place in places) + " }",
            " | ".join(f"P{cpu}" for cpu in range(len(columns))) + " ;",
            *(" | ".join(line) + " ;" for line in lines),
            "locations [" + " ".join(f"{one};" for one in shown) + "]",
            f"exists ({shown[0]}=0)",
            "",
        ]
    )


def ring(size: int) -> str:
    """Store buffering in a ring: each CPU stores to its own place and reads that of the next one."""
    columns = [[f"MOV [x{i}],$1", f"MOV EAX,[x{(i + 1) % size}]"] for i in range(size)]
    return _assembly(
        f"ring{size}", columns, [f"x{i}" for i in range(size)], [f"{i}:EAX" for i in range(size)]
    )


def chain(size: int) -> str:
    """Message passing along a chain: each CPU but the first reads one place, and stores to the next."""
    columns = [["MOV [x0],$1", "MOV [x1],$1"]]
    columns += [[f"MOV EAX,[x{i}]", f"MOV [x{i + 1}],$1"] for i in range(1, size - 1)]
    columns += [[f"MOV EAX,[x{size - 1}]", "MOV EBX,[x0]"]]
    shown = [*(f"{i}:EAX" for i in range(1, size)), f"{size - 1}:EBX"]
    return _assembly(f"chain{size}", columns, [f"x{i}" for i in range(size)], shown)


_REGISTERS = ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI")


def pairs(size: int) -> str:
    """Two CPUs, each with ``size`` pairs of a store to one of two places and a load from the other."""
    columns = [
        [
            text
            for row in range(size)
            for text in (
                f"MOV [{'xy'[(cpu + row) % 2]}],${cpu * size + row + 1}",
                f"MOV {_REGISTERS[row]},[{'xy'[(cpu + row + 1) % 2]}]",
            )
        ]
        for cpu in range(2)
    ]
    shown = [f"{cpu}:{_REGISTERS[row]}" for cpu in range(2) for row in range(size)]
    return _assembly(f"pairs{size}", columns, ["x", "y"], [*shown, "x", "y"])


def coherence(size: int) -> str:
    """Three CPUs store ``size`` values each to one place, and a fourth one reads it three times."""
    columns = [[f"MOV [x],${cpu * size + row + 1}" for row in range(size)] for cpu in range(3)]
    columns.append([f"MOV {register},[x]" for register in _REGISTERS[:3]])
    return _assembly(f"coherence{size}", columns, ["x"], [*(f"3:{r}" for r in _REGISTERS[:3]), "x"])


def counters(size: int) -> str:
    """``size`` CPUs increment a counter. An MM test."""
    return (
        f"MM counters{size}\n\n"
        f"{{\n    atomic_t count = 0;\n}}\n\n"
        f"P0..{size - 1} {{\n    atomic_inc(&count);\n}}\n\n"
        f"expect always;\nexists (count = {size})\n"
    )


def shootdowns(size: int) -> str:
    """A CPU changes an entry ``size`` times, and flushes it on both CPUs each time. An MM test."""
    steps = "".join(
        f"    set_pte(pte(N, v), {'BA'[row % 2]});\n    invlpg(v);\n    on_each_cpu(flush_one, NULL, 1);\n"
        for row in range(size)
    )
    return (
        f'MM shootdowns{size}\n\n#include "linux/smp.inc"\n\n'
        "{\n    page A = 1;\n    page B = 2;\n    mm N { v -> A };\n    0..1:cr3 = N;\n    int done;\n}\n\n"
        "void flush_one(void *info) {\n    invlpg(v);\n}\n\n"
        f"P0 {{\n{steps}    WRITE_ONCE(done, 1);\n}}\n\n"
        "P1 {\n    r0 = READ_ONCE(done);\n    r1 = translate(v);\n}\n\n"
        f"expect never;\nexists (1:r0 = 1 /\\ ~(1:r1 = {'AB'[size % 2]}))\n"
    )


SHAPES: dict[str, Callable[[int], str]] = {
    "ring": ring,
    "chain": chain,
    "pairs": pairs,
    "coherence": coherence,
    "counters": counters,
    "shootdowns": shootdowns,
}


if __name__ == "__main__":
    sys.stdout.write(SHAPES[sys.argv[1]](int(sys.argv[2])))

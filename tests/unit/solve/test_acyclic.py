"""Closures and components of relations, against Warshall's algorithm."""

from __future__ import annotations

from random import Random

import pytest

from verifier.solve.acyclic import _closure, _components, _cyclic_closure


@pytest.mark.slow
@pytest.mark.parametrize("forward", [False, True])
def test_closures_and_components_are_those_of_warshall(forward: bool) -> None:
    draw = Random(1)
    cycles = 0
    for _ in range(3000):
        size, density = draw.randrange(9), draw.random() * 0.6
        after = [sum((draw.random() < density) << j for j in range(size)) for _ in range(size)]
        if forward:
            after = [row & -(2 << i) for i, row in enumerate(after)]
        wanted = _cyclic_closure(after)
        back = [sum((wanted[j] >> i & 1) << j for j in range(size)) for i in range(size)]
        assert _closure(after) == wanted
        components = [f & b for f, b in zip(wanted, back, strict=True)]
        assert _components(after) == components
        cycles += any(components)
    assert cycles == 0 if forward else cycles > 1000

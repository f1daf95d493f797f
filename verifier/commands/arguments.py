"""The arguments of one call."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.picture.shown import Form


class Arguments(argparse.Namespace):
    """The arguments of one call. Each command sets some of these attributes."""

    command: str
    paths: list[str]
    # of all commands that decide tests
    timeout: float
    memory: int
    jobs: int
    strict: bool
    skip_other: bool
    # of ``check`` and ``states``
    model: str
    profile: str
    settings: list[tuple[str, str]]
    judge: str
    unroll: int | None
    seed: int
    defines: list[tuple[str, int]]
    kernel: str | None
    words: bool
    format: str
    dot: str | None
    quiet: bool = False
    color: str
    # of ``check`` and ``report``
    changed_since: str | None = None
    # of ``explain`` and ``show``
    reasons: int
    # of ``show``; also ``into``
    form: Form | None
    # of ``report``
    directory: str
    audit: bool
    why_timeout: float
    claims: str | None
    times: bool
    # of ``history``; also ``all``
    first_parent: bool
    # of ``compare``
    profiles: str | None
    models: str
    all: bool
    # of ``repair``
    costs: list[tuple[str, int]]
    patch: bool
    take: int
    # of ``check``, ``states`` and ``compare``; ``store`` also of ``results`` and ``diff``
    store: str | None
    no_store: bool
    fresh: bool
    dask: str | None
    # of ``results`` and ``diff``
    runs: list[str]
    keep: int | None
    # of ``lsp``
    port: int | None
    stdio: bool
    # of ``generate`` and ``fuzz``; also ``seed``; ``into`` also of ``editor-files``
    language: str
    edges: list[str]
    max_edges: int
    cpus: int
    count: int | None
    cycle: list[str]
    into: str | None
    seconds: float | None
    # of ``rules``
    which: str | None
    # of ``fmt``
    check: bool
    diff: bool
    write: bool
    # of ``new``
    name: str
    kind: str | None
    # of ``words``; also ``all``
    pattern: str | None
    # of ``completion``
    shell: str

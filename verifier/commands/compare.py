"""``compare``: print a row for each test, with a column for each machine."""

from __future__ import annotations

import argparse

from verifier.commands.arguments import Arguments
from verifier.commands.calls import cluster_of, decided, store_of, tree_of
from verifier.commands.options import add_bound, add_keeping, add_limiting, add_paths, add_switches, add_tree
from verifier.output import Output
from verifier.program.profiles import MODEL_NAMES


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command)
    command.add_argument("--profiles", metavar="A,B", help="what to compare (default: all profiles)")
    command.add_argument(
        "--models", metavar="A,B", default=MODEL_NAMES[0], help="what to compare (default: %(default)s)"
    )
    add_switches(command, "each profile")
    add_bound(command)
    add_tree(command)
    add_limiting(command)
    add_keeping(command)
    command.add_argument("-a", "--all", action="store_true", help="show tests with the same verdicts, too")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``compare``: print a row for each test, with a column for each machine."""
    from verifier.compare import Table, columns
    from verifier.suite.options import Options

    machines = columns(arguments.profiles, arguments.models)
    options = [
        Options(
            profile=profile,
            model=model,
            unroll=arguments.unroll,
            defines=dict(arguments.defines),
            settings=dict(arguments.settings),
            timeout=arguments.timeout,
            witnesses=False,
            memory=arguments.memory,
            strict=arguments.strict,
            skip_other=arguments.skip_other,
            kernel=tree_of(arguments),
            store=store_of(arguments),
            fresh=arguments.fresh,
            dask=cluster_of(arguments),
        )
        for profile, model in machines
    ]
    for one in options:
        _ = one.switches  # complain about an unknown switch before reading files
    table = Table(out, machines, everything=arguments.all)
    stopped = decided(arguments, options, table)
    table.close()
    return stopped or table.exit_code

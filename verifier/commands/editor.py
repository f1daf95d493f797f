"""``lsp`` serves an editor; ``editor-files`` writes the syntax files of editors."""

from __future__ import annotations

import argparse

from verifier.commands.arguments import Arguments
from verifier.commands.options import one_or_more
from verifier.errors import ExitCode, UsageError
from verifier.output import Output

MAX_PORT = 65535


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    if name == "editor-files":
        command.add_argument("into", metavar="DIR", help="where vim/ and vscode/ are written")
        return
    command.add_argument("--tcp", dest="port", type=_port, metavar="PORT", help="listen on 127.0.0.1:PORT")
    command.add_argument(
        "--stdio",
        action="store_true",
        help="use standard input and output (the default; many editors say so)",
    )


def run(arguments: Arguments, out: Output) -> int:
    """Serve an editor until it ends, or write the syntax files."""
    if arguments.command == "editor-files":
        from verifier.editor.syntax import write

        try:
            written = write(arguments.into or ".")
        except OSError as error:
            raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from None
        out.write("".join(f"{path}\n" for path in written))
        return ExitCode.EXPECTED
    if arguments.port is not None and arguments.stdio:
        raise UsageError("give --tcp or --stdio, not both")
    try:
        from verifier.editor.requests import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        help_ = "in a checkout of the verifier, pip install '.[lsp]'"
        raise UsageError(f"the language server needs pygls: {help_}") from None
    try:
        serve(arguments.port)
    except OSError as error:
        raise UsageError(f"cannot listen on port {arguments.port}: {error.strerror or error}") from None
    return ExitCode.EXPECTED


def _port(word: str) -> int:
    value = one_or_more(word)
    if value > MAX_PORT:
        raise argparse.ArgumentTypeError(f"a port is at most {MAX_PORT}")
    return value

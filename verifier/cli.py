"""The command line: parses a call, runs its command, and reports what ends it.

The exit code is the worst of all outcomes.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

from verifier.commands.parser import format_asked, parse
from verifier.commands.table import module_of
from verifier.errors import ExitCode, Interrupted, LimitError, UsageError, VerifierError, unexpected, worst
from verifier.output import Output, OutputError, open_all
from verifier.suite.worker import OUT_OF_MEMORY


def main(argv: list[str] | None = None) -> int:
    """Run the command line. Returns the exit code."""
    # Start-up makes many objects and no garbage; collecting costs a tenth of a cold start.
    collecting = gc.isenabled()
    gc.disable()
    open_all()
    out = Output()
    error: VerifierError
    try:
        _look_around()
        arguments = parse(argv)
        return module_of(arguments.command).run(arguments, out)
    except SystemExit as end:  # of --help and --version
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
    except MemoryError:
        error = LimitError(OUT_OF_MEMORY)
    except VerifierError as found:
        error = found
    except Exception as found:
        error = unexpected(found, "verifier")
    finally:
        if collecting:
            gc.enable()
    return _failed(error, sys.argv[1:] if argv is None else argv, out)


def _look_around() -> None:
    """Raise ``UsageError`` if the current directory is gone: nothing can be found from there."""
    try:
        os.getcwd()
    except OSError as error:
        raise UsageError(f"the current directory cannot be used ({error.strerror}); go to another") from None


def _failed(error: VerifierError, words: list[str], out: Output) -> int:
    """Report an error that ends the whole call, in the format that was asked for."""
    from verifier.render.base import Wanted
    from verifier.render.formats import FORMATS

    try:
        if isinstance(error, OutputError):
            raise error
        FORMATS[format_asked(words)].report(out, Wanted()).failed(error)
    except OutputError as unwritten:
        out.complain(f"verifier: {unwritten}")
    return error.exit_code


def entry() -> NoReturn:
    """The console command: run ``main``, then leave at once.

    Python's orderly exit takes as long as a small test. By then everything that matters is closed.
    """
    code = main()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        pass
    except (OSError, ValueError):
        code = worst((code, ExitCode.WRONG))
    os._exit(code)


if __name__ == "__main__":
    entry()

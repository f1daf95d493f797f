"""Prints a file in the style of this project. Only space changes: between tokens, and where lines begin."""

from __future__ import annotations

from verifier.errors import InputError, InternalError
from verifier.source import Source
from verifier.style.outline import is_assembly
from verifier.style.same import same


def formatted(source: Source) -> str:
    """The text of a file in the project's style. Raises ``InputError`` for a file that is no test, and no
    text that tests include; ``InternalError`` if the new text would mean something else."""
    from verifier.style import columns, lines

    made = columns.printed(source) if is_assembly(source) else lines.printed(source)
    try:
        difference = same(source, Source(source.name, made))
    except InputError as error:
        difference = str(error)
    if difference:
        raise InternalError(
            f"{source.name}: in another style this file would mean something else: {difference}"
        )
    return made

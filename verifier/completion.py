"""Completion for shells, made from the table of commands and options in ``arguments.py``."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Option(NamedTuple):
    """An option of a command: its ``names``, what it says, and the words that it takes.

    ``takes``: does a word follow it? ``words`` are those that can; without any, it is a file or a text.
    """

    names: tuple[str, ...]
    about: str
    takes: bool
    words: tuple[str, ...]


class Command(NamedTuple):
    """A command: what it says, its options, and the words that can stand alone. Without words: files."""

    about: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def commands(parser: argparse.ArgumentParser) -> dict[str, Command]:
    """The commands of a parser, by name."""
    (chosen,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    about = {action.dest: action.help or "" for action in chosen._choices_actions}
    return {name: _command(about[name], command) for name, command in chosen.choices.items()}


def _command(about: str, parser: argparse.ArgumentParser) -> Command:
    options, words = list[Option](), tuple[str, ...]()
    for action in parser._actions:
        known = tuple(map(str, action.choices or ()))
        if action.option_strings:
            said = " ".join((action.help or "").split())
            said = said.split(" (default: ")[0].replace("%%", "%")
            options.append(
                Option(tuple(action.option_strings), said, action.nargs != 0, _words(action, known))
            )
        else:
            words += known
    return Command(about, tuple(options), words)


def _words(action: argparse.Action, known: tuple[str, ...]) -> tuple[str, ...]:
    from verifier.program.profiles import PROFILES

    return tuple(PROFILES) if action.dest == "profile" else known


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The completion of a shell: ``bash``, ``zsh`` or ``fish``."""
    return SHELLS[shell](commands(parser))


def _names(options: tuple[Option, ...]) -> str:
    return " ".join(name for option in options for name in option.names)


def _bash(known: dict[str, Command]) -> str:
    """One function. What it leaves empty, bash completes as a file."""
    after, open_ = [], []
    for name, command in known.items():
        for option in command.options:
            if option.takes:
                places = "|".join(f"{name}:{o}" for o in option.names)
                after.append(f'        {places}) words="{" ".join(option.words)}" ;;')
        open_.append(
            f'        {name}) words="{" ".join(command.words)}" options="{_names(command.options)}" ;;'
        )
    return "\n".join(
        [
            "# Completion of verifier for bash: source this text.",
            "_verifier() {",
            '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words= options=',
            '    if [[ $prev == = ]]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi',
            "    if [[ $cur == = ]]; then cur=; fi",
            "    COMPREPLY=()",
            "    if (( COMP_CWORD == 1 )); then",
            f'        COMPREPLY=($(compgen -W "{" ".join(known)} --help --version" -- "$cur"))',
            "        return",
            "    fi",
            '    case "${COMP_WORDS[1]}:$prev" in',
            *after,
            '    *) case "${COMP_WORDS[1]}" in',
            *open_,
            "        esac ;;",
            "    esac",
            '    if [[ $cur == -* ]]; then words="$options"; fi',
            '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
            "}",
            "complete -o default -F _verifier verifier",
            "",
        ]
    )


def _zsh(known: dict[str, Command]) -> str:
    """A function for ``compdef``; the text can also be a file ``_verifier`` in ``fpath``."""

    def lines() -> Iterator[str]:
        for name, command in known.items():
            yield f"        {name}) _arguments -S \\"
            for option in command.options:
                for spelling in option.names:
                    yield f"            {shlex.quote(_zsh_option(spelling, option))} \\"
            rest = f"*:word:({' '.join(command.words)})" if command.words else "*:file:_files"
            yield f"            {shlex.quote(rest)} ;;"

    said = [f"        {shlex.quote(f'{name}:{command.about}')}" for name, command in known.items()]
    return "\n".join(
        [
            "#compdef verifier",
            "# Completion of verifier for zsh: source this text after compinit.",
            "_verifier() {",
            "    local -a commands",
            "    commands=(",
            *said,
            "    )",
            "    if (( CURRENT == 2 )); then _describe command commands; return; fi",
            "    shift words",
            "    (( CURRENT-- ))",
            '    case "$words[1]" in',
            *lines(),
            "    esac",
            "}",
            'if [[ "$funcstack[1]" == _verifier ]]; then _verifier "$@"; else compdef _verifier verifier; fi',
            "",
        ]
    )


def _zsh_option(name: str, option: Option) -> str:
    about = re.sub(r"([\\\[\]:])", r"\\\1", option.about)
    value = f":value:({' '.join(option.words)})" if option.words else ":value:_files" if option.takes else ""
    repeated = "*" if name in ("-D", "--set", "--cost") else ""
    return f"{repeated}{name}[{about}]{value}"


def _fish(known: dict[str, Command]) -> str:
    """A line for each command, and for each option of a command."""
    out = ["# Completion of verifier for fish: source this text, or keep it as completions/verifier.fish."]
    for name, command in known.items():
        about = _fish_quoted(command.about)
        out.append(f"complete -c verifier -n __fish_use_subcommand -f -a {name} -d {about}")
        here = f"complete -c verifier -n '__fish_seen_subcommand_from {name}'"
        if command.words:
            out.append(f"{here} -f -a '{' '.join(command.words)}'")
        for option in command.options:
            spelled = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
            value = f" -x -a '{' '.join(option.words)}'" if option.words else " -r" if option.takes else ""
            out.append(f"{here} {spelled}{value} -d {_fish_quoted(option.about)}")
    return "\n".join([*out, ""])


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[dict[str, Command]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}

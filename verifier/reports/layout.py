"""What all pages have: a head, the ways to the other pages, sources with numbered lines."""

from __future__ import annotations

from verifier.reports.html import Html, joined, link, tag
from verifier.reports.places import CLAIMS, INDEX, RULES, line_id
from verifier.source import Source

STYLE, SCRIPT = "report.css", "report.js"


def document(
    title: str, *body: str, up: str = "", scripts: tuple[str, ...] = (), claims: bool = False
) -> str:
    """A page. ``up`` leads to the directory of the report; ``claims``: does the report have any?"""
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content="verifier report"),
        tag("title", title),
        tag("link", rel="stylesheet", href=f"{up}{STYLE}"),
        *(tag("script", src=f"{up}{name}", defer="") for name in scripts),
    ]
    ways = [(INDEX, "Tests"), (RULES, "Rules"), *([(CLAIMS, "Claims")] if claims else [])]
    ways_there = tag("nav", *(link(up + page, name) for page, name in ways), class_="ways")
    whole = tag("html", tag("head", *head), tag("body", ways_there, tag("main", *body)), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def listing(source: Source) -> Html:
    """A source, with a number and an id for each line."""
    lines = [
        tag(
            "span",
            link(f"#{line_id(number)}", str(number), class_="n", aria_label=f"line {number}"),
            line,
            "\n",
            class_="line",
            id=line_id(number),
        )
        for number, line in enumerate(source.text.splitlines(), 1)
    ]
    return tag("pre", joined(lines), class_="source", tabindex=0)

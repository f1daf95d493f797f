"""What all pages have: a head, the ways to the other pages, sources with numbered lines."""

from __future__ import annotations

from verifier.reports.html import link, tag
from verifier.reports.places import CLAIMS, INDEX, RULES

REPORT_STYLE, REPORT_SCRIPT = "report.css", "report.js"
PICTURE_STYLE, PICTURE_SCRIPT = "picture.css", "picture.js"


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
        tag("link", rel="stylesheet", href=f"{up}{PICTURE_STYLE}"),
        tag("link", rel="stylesheet", href=f"{up}{REPORT_STYLE}"),
        *(tag("script", src=f"{up}{name}", defer="") for name in scripts),
    ]
    ways = [(INDEX, "Tests"), (RULES, "Rules"), *([(CLAIMS, "Claims")] if claims else [])]
    ways_there = tag("nav", *(link(up + page, name) for page, name in ways), class_="ways")
    whole = tag("html", tag("head", *head), tag("body", ways_there, tag("main", *body)), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"

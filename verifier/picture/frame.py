"""Verdicts and explanations in the cells of notebooks."""

from __future__ import annotations

from html import escape

from verifier.notebook import Drawable
from verifier.picture.page import page
from verifier.results import Verdict
from verifier.why.answers import Explanation

HEIGHT = 640  # pixels of a cell


def framed(answer: Drawable) -> str:
    """A page in a frame of its own, so that it and the notebook leave each other alone."""
    if isinstance(answer, Explanation):
        text = page(answer.verdict, answer)
    elif isinstance(answer, Verdict):
        text = page(answer)
    else:
        raise TypeError(f"there is no page for {type(answer).__name__}")
    return (
        f'<iframe srcdoc="{escape(text, quote=True)}" sandbox="allow-scripts" title="verifier"'
        f' style="width:100%;height:{HEIGHT}px;border:0"></iframe>'
    )

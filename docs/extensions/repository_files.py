"""Links to files of the repository: each file that a page links to becomes a page of the site.

Pages link to ``../litmus/linux/…`` as they must for a reader of the repository. In the site, such a link
leads to a page with the file's text; what the file includes is linked from there. Readmes that are pages of
the site are linked as pages. Data, such as schemas, are downloads, as MyST makes them. A link to a page whose
text is only the file's name gets the title of the page, or of the section.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from litmus_language import Litmus
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent

TEXTS = {".litmus", ".inc", ".md"}
"""Files that are shown where a page links to them. Others are downloads."""

PAGES = {"README.md": "index", "litmus/README.md": "corpus"}
"""Files outside docs/ that a page of the site stands for."""


class RepositoryLinks(SphinxTransform):
    """Turns MyST's downloads of text files into links to pages of this extension."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        shown: set[str] = self.env.metadata[self.env.docname].setdefault("shown_files", set())
        up = "../" * self.env.docname.count("/")
        downloads = self.document.findall(addnodes.download_reference)
        references = self.document.findall(addnodes.pending_xref)
        for node in [*downloads, *references]:
            target = node["reftarget"] + (".md" if node.get("refdomain") == "doc" else "")
            path = (DOCS / self.env.docname).parent.joinpath(target).resolve()
            if not (path.is_dir() or (path.suffix in TEXTS and path.is_file())) or path.is_relative_to(DOCS):
                continue
            name = path.relative_to(ROOT).as_posix()
            page = PAGES.get(name, name)
            if page == name:
                shown.add(name)
            link = nodes.reference("", "", *node.children, internal=True, refuri=f"{up}{page}.html")
            node.replace_self(link)
        for node in self.document.findall(addnodes.pending_xref):
            if node.astext() == f"{Path(node['reftarget']).name}.md":
                node["refexplicit"] = False


def included(name: str, text: str) -> dict[str, str]:
    """What a file includes: the name in quotes -> the file's name in the repository."""
    found = {}
    for quoted in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        for folder in ((ROOT / name).parent, ROOT / "litmus"):
            if (folder / quoted).is_file():
                found[quoted] = (folder / quoted).resolve().relative_to(ROOT).as_posix()
                break
    return found


def body(name: str, text: str) -> str:
    """A file's text as HTML. Its includes are links."""
    lexer = Litmus() if name.endswith((".litmus", ".inc")) else TextLexer()
    shown = highlight(text, lexer, HtmlFormatter(linenos="inline"))
    up = "../" * name.count("/")
    for quoted, file in included(name, text).items():
        link = f'<a href="{up}{file}.html">{html.escape(quoted)}</a>'
        shown = shown.replace(f'<span class="s">"{quoted}"</span>', f'<span class="s">"{link}"</span>')
    return f"<h1>{html.escape(name)}</h1>\n{shown}"


def listing(name: str, files: list[str]) -> str:
    """A directory as HTML: links to the pages of its files."""
    up = "../" * name.count("/")
    items = "\n".join(f'<li><a href="{up}{file}.html">{html.escape(file)}</a></li>' for file in files)
    return f"<h1>{html.escape(name)}</h1>\n<ul>\n{items}\n</ul>"


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, object], str]]:
    """A page for each file and directory that is linked, and for what these include and contain."""
    env: BuildEnvironment = app.env
    left = sorted(set().union(*(data.get("shown_files", set()) for data in env.metadata.values())))
    done: set[str] = set()
    while left:
        name = left.pop()
        if name in done:
            continue
        done.add(name)
        if (ROOT / name).is_dir():
            files = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / name).rglob("*.*"))
            shown = listing(name, files)
        else:
            text = (ROOT / name).read_text()
            files = list(included(name, text).values())
            shown = body(name, text)
        left += files
        yield name, {"title": html.escape(name), "body": shown}, "page.html"


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(RepositoryLinks)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

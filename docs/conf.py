"""How Sphinx makes the site: ``make docs``. Every warning is an error there."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "extensions"))

project = "verifier"
author = "the authors of verifier"
html_title = "verifier"
html_short_title = "verifier"

extensions = ["myst_parser", "litmus_language", "repository_files"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "extensions"]
root_doc = "index"

myst_heading_anchors = 4
myst_links_external_new_tab = False
smartquotes = False
highlight_language = "none"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_last_updated_fmt = None
html_use_index = False
html_domain_indices = False
html_theme_options = {"footer_icons": [], "navigation_with_keys": True}

# The theme knows two styles, for light and dark; both are part of Pygments.
pygments_style = "friendly"
pygments_dark_style = "github-dark"

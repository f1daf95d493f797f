"""Reports as pages: an index, a page for each file, the rules and the claims; static, with relative links."""

"""The text of a kernel tree: its files at any revision, and the definitions that are cut out of them."""

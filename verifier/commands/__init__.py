"""The commands: one module for each, or for a few that are alike. ``table`` lists them."""

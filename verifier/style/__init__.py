"""The style of files: where their lines begin, what stands between tokens, which columns are in line."""

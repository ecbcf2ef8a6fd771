"""How values are written into commands and files: words, templates. Must not know how results are read."""

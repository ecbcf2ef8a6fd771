"""How values are written into commands, environments and files: words, templates. Must not know how results are read."""

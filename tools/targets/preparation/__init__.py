"""What happens around a measurement: hooks, scratch folders, and the journal that restores a system.
Must not know how results are read.
"""

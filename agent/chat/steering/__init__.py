"""What a conversation does to studies: start, pause, change, stop, draft.

Knows runs; must not know how people see them.
"""

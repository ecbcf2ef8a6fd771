"""Edits of a program as part of a candidate: what may be edited, exact edits, drafts of them, the project's files.

Must not know how a program is measured, who proposes, or what is better.
"""

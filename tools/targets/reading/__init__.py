"""Reads metrics out of what a program writes for people: numbers with units, nested JSON, columns, known reports.

Knows nothing of studies, and runs nothing but the worker that matches regular expressions.
"""

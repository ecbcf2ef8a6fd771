"""Tuning by talking: what a person or a model may do to a study in a conversation. Knows no screen."""

"""Prompt variants, one folder each: variant.toml and Jinja templates. No other folder holds prompt text."""

"""One exchange with a model: asking, its tool calls, and what its answer says in spite of its form.
Knows models and prompts; must not know the run.
"""

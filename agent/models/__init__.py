"""Chat models: which one is used and why, how it is called, what it costs, and recordings of its calls."""

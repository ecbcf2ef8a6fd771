"""A run while it goes on: progress bar, plain lines, JSON lines. They consume events, nothing else."""

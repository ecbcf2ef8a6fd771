"""What a planner may call, and the sandbox in which everything it asks for runs. Knows nothing of the agent."""

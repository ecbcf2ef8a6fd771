"""The door for people's own agents: an MCP server over the registry of runs. Knows no session; runs are processes."""

"""Suites, tasks and benchmarks: which planner, prompt or model is better, and are we sure. Known by nobody."""

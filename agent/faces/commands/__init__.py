"""The commands of the command line, one file each. They consume a run's events and must not steer its loop."""

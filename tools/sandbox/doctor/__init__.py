"""What this machine's sandbox holds, tried out by attacking it."""

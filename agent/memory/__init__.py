"""What is kept across studies: the store of all trials, and the recall of similar studies."""

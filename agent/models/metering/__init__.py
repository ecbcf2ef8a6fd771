"""What calls of a model cost, and when they are made again or no more. Must not know what is asked."""

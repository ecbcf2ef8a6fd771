"""What is tuned and how it is measured: the study file, its parameters and space. Must not know trials or runs."""

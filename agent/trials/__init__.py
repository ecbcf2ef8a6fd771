"""What happened: trials, proposals, their history, racing. Must not know who proposes, runs or stores them."""

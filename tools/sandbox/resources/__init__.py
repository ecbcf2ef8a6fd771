"""What an evaluation's processes use, counted and limited. Must not know how they are started."""

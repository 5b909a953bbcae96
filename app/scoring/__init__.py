"""Score, select, retarget."""

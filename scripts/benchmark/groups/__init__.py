"""What retrieval for a group is worth, and how fast it is."""

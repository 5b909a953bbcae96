"""Built-in banks, one JSON Lines file each."""

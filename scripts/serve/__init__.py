"""Start the whole service on this machine, and show that it works."""

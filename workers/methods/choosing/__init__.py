"""The model chooses a candidate outright."""

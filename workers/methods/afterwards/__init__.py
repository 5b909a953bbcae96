"""Words about scores that were read."""

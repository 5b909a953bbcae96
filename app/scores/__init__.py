"""The HTTP side of scoring and selecting."""

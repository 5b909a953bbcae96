"""Joint regression: several attributes in one prompt."""

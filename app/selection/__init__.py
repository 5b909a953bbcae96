"""Selection: one pipeline from score sets and targets to selections."""

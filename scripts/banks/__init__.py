"""Build banks and evaluation sets from public data sets."""

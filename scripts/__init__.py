"""Command-line entry points over importable functions."""

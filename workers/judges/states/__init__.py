"""Judges whose hidden states are read: method `probe`."""

"""Retrieval of examples from large banks: recall, time and memory."""

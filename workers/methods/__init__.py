"""Scoring methods, one file each: how prompts are built and answers read."""

"""Scoring methods, each in a folder with its prompt templates."""

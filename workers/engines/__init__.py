"""Engines run a language model: one protocol, one file for each engine."""

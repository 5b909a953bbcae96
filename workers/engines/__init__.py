"""Engines: one protocol, one file for each thing that runs a language model."""

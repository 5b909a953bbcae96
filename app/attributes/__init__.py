"""Attribute sets."""

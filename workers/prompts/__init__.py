"""Prompt profiles: Jinja templates, one folder a profile."""

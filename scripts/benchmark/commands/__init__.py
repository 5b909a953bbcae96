"""The commands of `python -m scripts.benchmark`, a module each."""

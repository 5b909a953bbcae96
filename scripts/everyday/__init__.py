"""Everyday scenarios: candidates and targets whose right choice nobody would dispute."""

"""Azimuth: steerable response selection over REST."""

__version__ = "0.1.0"

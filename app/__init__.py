"""Azimuth: steerable response selection over REST."""

__version__ = "0.2.0"

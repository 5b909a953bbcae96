"""Ratings of responses by people of several groups (SPICA): records, arrays, measures. Pure."""

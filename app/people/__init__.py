"""Choosing for people: a person, a group or several groups, by the ratings of a bank."""

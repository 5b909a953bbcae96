"""The parts of a report: a module a heading."""

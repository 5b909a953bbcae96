"""Calibrations: fitted on a labelled bank for one scorer, stored by name, applied to scores."""

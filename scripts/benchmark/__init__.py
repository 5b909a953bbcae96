"""The benchmark of "Steerable Pluralism" against a running Azimuth."""

"""Which texts look like attacks on a judge, and why. Pure, in linear time."""

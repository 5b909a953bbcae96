"""Load on a service of its own, on this machine's loopback address."""

"""Pure centre: types, plan, fingerprints and alignment. No I/O, no framework."""

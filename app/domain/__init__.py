"""Pure core: types, plans, fingerprints, selection and calibration. No I/O, no framework."""

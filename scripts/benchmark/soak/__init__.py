"""A soak: mixed requests to a service whose processes are killed meanwhile, all answers checked."""

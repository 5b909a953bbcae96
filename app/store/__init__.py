"""Redis: score cache, job queue, banks, attribute sets and the fleet of workers."""

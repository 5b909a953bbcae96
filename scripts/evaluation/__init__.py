"""The benchmark: runs over HTTP, results on disk, tables and plots."""

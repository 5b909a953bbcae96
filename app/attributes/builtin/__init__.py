"""Built-in attribute sets, one JSON file each."""

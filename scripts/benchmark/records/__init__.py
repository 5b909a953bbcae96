"""What goes into a run and what it records: scenarios, targets, results."""

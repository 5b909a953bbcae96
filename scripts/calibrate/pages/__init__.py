"""The report page: trial fits on parts of a bank, what they are worth, tables and plots."""

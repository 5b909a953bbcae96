"""Turn published weights into folders that engines read."""

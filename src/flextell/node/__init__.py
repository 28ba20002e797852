"""What one running node keeps in memory, beside the database that all nodes share."""

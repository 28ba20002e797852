"""The endpoints for machines, one file each."""

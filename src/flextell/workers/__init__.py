"""Several processes on one machine that are one node to the outside."""

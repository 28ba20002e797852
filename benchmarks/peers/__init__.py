"""Servers by others, set up as their documentation says, beside ours: `make bench-peers`."""

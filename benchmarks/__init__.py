"""What we claim about speed, runnable: `make bench`, or `python -m benchmarks`."""

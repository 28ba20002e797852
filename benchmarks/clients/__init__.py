"""Our SDK beside other clients, each as its own documentation uses it: `make bench-clients`."""

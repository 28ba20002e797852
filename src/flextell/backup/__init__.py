"""Backups: an instance in one encrypted file, taken while it serves, and put back whole."""

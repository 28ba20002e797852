"""Keeping: SQLite and PostgreSQL behind one set of promises (`port`)."""

"""The ways to get tokens, one file per grant_type (RFC 6749 §4.1.3, §6)."""

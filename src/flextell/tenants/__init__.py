"""The rules about who owns what: tenants, who may act in them, and their customers."""

"""Resources as the wire shows them. The OpenAPI document is made from these very types."""

"""`python -m flextell_sdk`: sign in once, then use the API from a shell."""

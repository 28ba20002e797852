"""Photos: a sample third-party app that shows how to connect to Flextell."""

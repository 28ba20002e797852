"""What people read about the API, and where they try it: pages made from its own document."""

"""HTTP for the protected REST API: translate, load, ask the rules, answer."""

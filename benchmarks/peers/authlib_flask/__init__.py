"""Authlib's OAuth 2.0 provider for Flask: its models, its application, and how it is started."""

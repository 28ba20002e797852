"""The rules of OAuth 2.1 and OpenID Connect: values in, decisions out, no I/O."""

"""base64url without padding, as OAuth and JOSE write bytes (RFC 4648 §5, RFC 7515 §2)."""

from base64 import urlsafe_b64encode


def encode(data: bytes) -> bytes:
    """The bytes as ASCII letters, still bytes: tokens are put together from these."""
    return urlsafe_b64encode(data).rstrip(b"=")


def text(data: bytes) -> str:
    """The same as text."""
    return encode(data).decode("ascii")

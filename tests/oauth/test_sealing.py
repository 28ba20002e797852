"""Encryption of what must be stored and read again (AES-256-GCM, HKDF of RFC 5869)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.oauth import sealing
from flextell.oauth.sealing import WrongKey

secrets = st.binary(min_size=16, max_size=64)
nonces = st.binary(min_size=sealing.NONCE_BYTES, max_size=sealing.NONCE_BYTES)

KEY = sealing.derive(b"a secret of some length", "tests")
NONCE = bytes(range(12))


@given(secrets, st.binary(), nonces, st.binary(max_size=40))
def test_what_was_sealed_is_unsealed(
    secret: bytes, plain: bytes, nonce: bytes, context: bytes
) -> None:
    key = sealing.derive(secret, "tests")
    sealed = sealing.seal(key, plain, nonce, context)
    assert sealing.unseal(key, sealed, context) == plain
    assert len(sealed) == len(plain) + sealing.NONCE_BYTES + 16


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(WrongKey):
        sealing.unseal(KEY, data)


@given(st.integers(0), st.integers(1, 255))
def test_any_changed_byte_is_noticed(at: int, difference: int) -> None:
    """NIST SP 800-38D §7.2: authenticated decryption fails."""
    sealed = bytearray(sealing.seal(KEY, b"a refresh token", NONCE, b"grant-1"))
    sealed[at % len(sealed)] ^= difference
    with pytest.raises(WrongKey):
        sealing.unseal(KEY, bytes(sealed), b"grant-1")


def test_another_key_or_another_context_opens_nothing() -> None:
    sealed = sealing.seal(KEY, b"a refresh token", NONCE, b"grant-1")
    with pytest.raises(WrongKey):
        sealing.unseal(KEY, sealed, b"grant-2")
    with pytest.raises(WrongKey):
        sealing.unseal(sealing.derive(b"another secret", "tests"), sealed, b"grant-1")


def test_keys_for_two_purposes_are_two_keys() -> None:
    """RFC 5869 §3.2: info binds the key to its use."""
    one, other = sealing.derive(b"secret", "signing keys"), sealing.derive(b"secret", "cookies")
    assert one != other
    assert len(one) == len(other) == sealing.KEY_BYTES
    assert one == sealing.derive(b"secret", "signing keys")

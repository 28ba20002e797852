"""The server's public keys, each for the algorithms it fits (RFC 7517 §5, RFC 7518 §3, RFC 8037).

Only signatures with a key pair: a secret key in a public set would be everybody's.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwk, jws
from joserfc.errors import JoseError

from flextell_sdk.errors import ServerMisconfigured
from flextell_sdk.guard.caller import Caller
from flextell_sdk.guard.remembered import Remembered

REMEMBERED_TOKENS = 20_000
# RFC 7518 §3.3, §3.5: a key of 2048 bits or larger MUST be used.
SMALLEST_RSA_BITS = 2048

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# What a key may verify, by its type and curve: each algorithm with joserfc's name for it. `EdDSA`
# is the older name of both (RFC 9864 §2.2).
_ALGORITHMS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("RSA", ""): {name: name for name in _RSA},
    ("EC", "P-256"): {"ES256": "ES256"},
    ("EC", "P-384"): {"ES384": "ES384"},
    ("EC", "P-521"): {"ES512": "ES512"},
    ("OKP", "Ed25519"): {"Ed25519": "Ed25519", "EdDSA": "Ed25519"},
    ("OKP", "Ed448"): {"Ed448": "Ed448", "EdDSA": "Ed448"},
}
ALGORITHMS = frozenset(name for fits in _ALGORITHMS.values() for name in fits)

# What a key that is not one makes joserfc and cryptography raise.
_NO_KEY = (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key with the one algorithm it is used for."""

    algorithm: str
    public: jwk.Key = field(repr=False)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the private half made the signature of the message."""
        return jws.JWSRegistry.algorithms[self.algorithm].verify(message, signature, self.public)


class KeySet:
    """The keys, and the tokens that they verified: another set of keys verifies anew.

    `document` is the JWK Set as it came. Keys that cannot be used are left out (RFC 7517 §5).
    Raises ServerMisconfigured if it is no JWK Set.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        listed = document.get("keys")
        if not isinstance(listed, list):
            raise ServerMisconfigured("The server's jwks_uri does not lead to a JWK Set.")
        self.listed = listed
        self._keys = {name: key for entry in listed for name, key in _keys_of(entry)}
        self.start_anew()

    def start_anew(self) -> None:
        """Forget the tokens, with the lock that guards them."""
        self.verified: Remembered[bytes, Caller] = Remembered(REMEMBERED_TOKENS)

    def find(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        """The key of this name, if it fits the algorithm; without a name the one without."""
        return self._keys.get((kid, algorithm))


def _keys_of(entry: object) -> Iterator[tuple[tuple[str | None, str], VerifyingKey]]:
    """One JWK as a key for each of its algorithms, named by `kid` and `alg`."""
    if not isinstance(entry, dict):
        return
    fits = _ALGORITHMS.get((str(entry.get("kty")), str(entry.get("crv", ""))))
    if fits is None:
        return
    try:
        if entry["kty"] == "RSA" and _bits(entry["n"]) < SMALLEST_RSA_BITS:
            return
        public = jwk.import_key(entry)
        # RFC 7517 §4.2, §4.3.
        public.check_use("sig")
        public.check_key_op("verify")
    except _NO_KEY:
        return
    for name, verifies_as in fits.items():
        if entry.get("alg", name) == name:
            yield (public.kid, name), VerifyingKey(verifies_as, public)


def _bits(modulus: str) -> int:
    """The size of an RSA key. joserfc would warn the whole program of a small one."""
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "==")).bit_length()

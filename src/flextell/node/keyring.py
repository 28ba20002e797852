"""The signing keys, ready for use: made on first start, rotated when due, re-read when changed.

Private halves are stored encrypted under the master key and live in clear in memory only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flextell.oauth import jwt, keys, sealing
from flextell.oauth.keys import KeyRecord, Purpose
from flextell.settings import LONGEST_TOKEN_SECONDS, Settings
from flextell.sources import Sources
from flextell.store.port import Store, Unit

# How often a node looks for keys that others made; and how long a new key waits for all to look,
# in whole seconds, one of which may be over already, with one more for a node that is busy.
LOOK_EVERY_SECONDS = 2.0
KNOWN_TO_ALL_SECONDS = 4

PURPOSES: tuple[Purpose, ...] = ("access_token", "id_token")


class KeysSealedElsewhere(Exception):
    """The stored keys were sealed under another master key."""


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Makes and opens signing keys under one master key."""

    master_key: bytes
    settings: Settings
    sources: Sources

    def algorithm(self, purpose: Purpose) -> jwt.Algorithm:
        """The algorithm that new keys of this purpose have."""
        if purpose == "access_token":
            return self.settings.access_token_algorithm
        return self.settings.id_token_algorithm

    def due(self, records: Sequence[KeyRecord], purpose: Purpose, now: int) -> bool:
        """Whether the settings want a new key of this purpose now."""
        rotation = self.settings.signing_key_rotation_seconds
        return keys.due(records, purpose, self.algorithm(purpose), rotation, now)

    def make(self, purpose: Purpose, active_from: int, now: int) -> KeyRecord:
        """A new key, sealed."""
        algorithm = self.algorithm(purpose)
        private = keys.generate(algorithm)
        members = keys.public_members(private)
        kid = keys.thumbprint(members)
        nonce = self.sources.random(sealing.NONCE_BYTES)
        sealed = sealing.seal(self._key(), keys.to_der(private), nonce, kid.encode("ascii"))
        return KeyRecord(kid, purpose, algorithm, sealed, members, now, active_from)

    def open(self, record: KeyRecord) -> jwt.SigningKey:
        """The key, ready to sign. Raises KeysSealedElsewhere."""
        try:
            der = sealing.unseal(self._key(), record.sealed_private, record.kid.encode("ascii"))
        except sealing.WrongKey:
            raise KeysSealedElsewhere from None
        return jwt.SigningKey(record.kid, record.algorithm, keys.from_der(der))

    def seconds_until_known(self) -> int:
        """How long a new key waits before it signs, and how old a node's keys may be."""
        return max(2 * self.settings.jwks_cache_seconds, KNOWN_TO_ALL_SECONDS)

    def _key(self) -> bytes:
        return sealing.derive(self.master_key, "signing keys")


def rotate(unit: Unit, maker: KeyMaker, purpose: Purpose, now: int) -> KeyRecord:
    """Add a new key and set the end of those before it.

    The first key signs at once. A later one waits until every node has seen it, and everybody who
    keeps our key set for as long as they may has fetched it again; the old one stays published
    until its last token died.
    """
    records = [r for r in unit.signing_keys.all() if r.purpose == purpose]
    first = keys.signing(records, purpose, now) is None
    active_from = now if first else now + maker.seconds_until_known()
    for record in records:
        if record.published_until is None:
            unit.signing_keys.retire(record.kid, active_from + LONGEST_TOKEN_SECONDS)
    made = maker.make(purpose, active_from, now)
    unit.signing_keys.add(made)
    return made


def rotate_what_is_due(unit: Unit, maker: KeyMaker, now: int) -> list[KeyRecord]:
    """Make the keys whose time has come; every key after it."""
    unit.signing_keys.hold()
    for purpose in PURPOSES:
        if maker.due(unit.signing_keys.all(), purpose, now):
            rotate(unit, maker, purpose, now)
    return unit.signing_keys.all()


class Keyring:
    """The keys of this node, as of the last look at the store."""

    def __init__(self, store: Store, maker: KeyMaker) -> None:
        self._store = store
        self._maker = maker
        self._records: list[KeyRecord] = []
        self._opened: dict[str, jwt.SigningKey] = {}
        self._read_at = 0

    async def catch_up(self) -> None:
        """Read the keys, make those that are due. Raises StoreUnavailable, KeysSealedElsewhere."""
        now = self._maker.sources.now()
        records = await self._store.read(lambda unit: unit.signing_keys.all())
        if any(self._maker.due(records, purpose, now) for purpose in PURPOSES):
            records = await self._store.write(
                lambda unit: rotate_what_is_due(unit, self._maker, now)
            )
        self._take(records, now)

    def _take(self, records: list[KeyRecord], now: int) -> None:
        self._read_at = now
        self._records = keys.published(records, now)
        self._opened = {
            record.kid: self._opened.get(record.kid) or self._maker.open(record)
            for record in self._records
        }

    def checks(self) -> dict[str, bool]:
        """Whether no other node can sign with a key that this one has not read."""
        age = self._maker.sources.now() - self._read_at
        return {"keys": age < self._maker.seconds_until_known()}

    def signing(self, purpose: Purpose) -> jwt.SigningKey:
        """The key to sign with now."""
        record = keys.signing(self._records, purpose, self._maker.sources.now())
        if record is None:
            raise RuntimeError("catch_up makes a key of every purpose before anything is signed")
        return self._opened[record.kid]

    def age_seconds(self, purpose: Purpose) -> float:
        """Since the key that signs now began to; 0 before the first look at the store."""
        now = self._maker.sources.now()
        record = keys.signing(self._records, purpose, now)
        return now - record.active_from if record else 0

    def verifying(self) -> list[jwt.VerifyingKey]:
        """The public keys of tokens that may still be alive."""
        return [key.verifying for key in self._opened.values()]

    def algorithms(self, purpose: Purpose) -> list[jwt.Algorithm]:
        """The algorithms that a living token of this purpose may have."""
        return sorted({r.algorithm for r in self._records if r.purpose == purpose})

    def key_set(self) -> list[dict[str, str]]:
        """The JWK Set's keys (RFC 7517 §5)."""
        return [keys.jwk(record) for record in self._records]

"""What the store promises of clients, grants and tokens, and of the people who grant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flextell.accounts.model import Person, Session
from flextell.accounts.throttle import Count, Key
from flextell.oauth.grants.authorization_code import ClaimedCode
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.keys import KeyRecord
from flextell.oauth.model import (
    AuthorizationCode,
    Client,
    Consent,
    Digest,
    Grant,
    RefreshToken,
)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One item of news: a whole grant, or one access token by its `jti`, is over."""

    sequence: int
    name: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class RateCount:
    """How many requests one process counted under a key, which nobody needs after a time."""

    key: bytes
    count: int
    expires_at: int


class Clients(Protocol):
    """Registered applications."""

    def get(self, client_id: str) -> Client | None:
        """The client, unless it was deleted."""

    def all(self) -> list[Client]:
        """Every client that was not deleted, oldest first."""

    def add(self, client: Client) -> None:
        """Keep a new client."""

    def replace_secret(self, client_id: str, secret_digest: Digest) -> bool:
        """Give the client another secret; the old one is void at once. False if there is none."""

    def delete(self, client_id: str, now: int) -> bool:
        """Take the client away. False if there is none."""


class Codes(Protocol):
    """Authorization codes."""

    def put(self, code: AuthorizationCode) -> None:
        """Keep a new code."""

    def claim(self, digest: Digest, now: int) -> ClaimedCode | None:
        """The code, and whether this call was the first to claim it.

        Atomic: of any number of callers, exactly one is told that it was first.
        """

    def forget(self, *, subject: str | None = None, client_id: str | None = None) -> None:
        """Void the unused codes of a person, of a client, or of both."""


class Grants(Protocol):
    """What people allowed clients."""

    def add(self, grant: Grant) -> None:
        """Keep a new grant."""

    def get(self, grant_id: str) -> Grant | None:
        """The grant, ended or not."""

    def end(self, grant_id: str, reason: str, now: int, forget_at: int) -> bool:
        """End the grant and tell every node. False if it had ended or never was.

        Atomic against `RefreshTokens.present`: whichever is second sees the first.
        `forget_at` is when the last of its access tokens has expired.
        """

    def living(self, *, subject: str | None = None, client_id: str | None = None) -> list[Grant]:
        """The grants of a person, of a client, or of both that have not ended."""


class RefreshTokens(Protocol):
    """Refresh tokens, one row a generation; rows are only added."""

    def present(self, digest: Digest) -> Presented | None:
        """The token, its grant and its successor, held still until the unit ends.

        Atomic: units that present tokens of one grant, or end it, run one after another.
        """

    def put(self, token: RefreshToken) -> None:
        """Keep a new generation. There can be one of each number in a grant."""

    def note_received(self, seen: Iterable[tuple[str, int]], now: int) -> None:
        """Note that access tokens of these (grant_id, generation) were seen in use."""


class Revocations(Protocol):
    """The news of what is over, in the order in which it became so."""

    def add(self, name: str, expires_at: int, now: int) -> None:
        """Tell every node that this `jti` is over."""

    def since(self, sequence: int, most: int | None = None) -> list[Revocation]:
        """The news after a number, oldest first, all of it or the first `most`.

        No item ever appears below one already read.
        """

    def any_of(self, names: Sequence[str]) -> bool:
        """Whether one of these grants or `jti`s is over: the answer of last resort."""


class Consents(Protocol):
    """What people said yes to, remembered."""

    def get(self, subject: str, client_id: str) -> Consent | None:
        """What this person allowed this client so far."""

    def put(self, consent: Consent) -> None:
        """Remember the answer in place of the one before."""

    def forget(self, subject: str, client_id: str) -> None:
        """The next request asks again."""


class People(Protocol):
    """Those who can sign in."""

    def by_email(self, email: str) -> Person | None:
        """The person with this normalised address, disabled ones included."""

    def by_subject(self, subject: str) -> Person | None:
        """The person that tokens name so."""

    def all(self) -> list[Person]:
        """Everyone, oldest first."""

    def add(
        self,
        *,
        subject: str,
        email: str,
        name: str,
        password_hash: str,
        now: int,
        managed_by: int | None = None,
    ) -> Person:
        """A new person. Raises Duplicate if the address is taken.

        `managed_by` is the tenant that may say who they are, until another one has them too.
        """

    def rename(self, person_id: int, *, email: str, name: str) -> None:
        """Another name and address. Raises Duplicate if the address is taken.

        Atomic: of any number of units that take one address, `add` included, one gets it.
        """

    def set_password_hash(self, person_id: int, password_hash: str) -> None:
        """Replace the hash, as when its parameters are outdated."""

    def note_sign_in(self, person_id: int, address: str, now: int) -> None:
        """Remember when they last signed in, and from where."""

    def sign_out(self, person_id: int) -> None:
        """Their sessions and their unused codes are gone."""

    def disable(self, person_id: int, now: int) -> None:
        """They can no longer sign in; their sessions and their unused codes are gone."""


class Sessions(Protocol):
    """Browsers in which somebody is signed in."""

    def get(self, digest: bytes) -> tuple[Session, Person] | None:
        """The session and its person, if the person is not disabled."""

    def put(self, session: Session) -> None:
        """Keep a new session."""

    def note_use(self, digest: bytes, now: int) -> None:
        """Move the end of its idle time."""

    def end(self, digest: bytes) -> None:
        """Forget the session."""


class Throttles(Protocol):
    """Counts of wrong passwords."""

    def counts(self, keys: Sequence[Key]) -> dict[Key, Count]:
        """The count of each key; keys never counted have an empty one. Waits for nobody."""

    def hold(self, keys: Sequence[Key]) -> dict[Key, Count]:
        """The same, held still until the unit ends.

        Atomic: units that hold a key in common run one after another; others do not wait.
        """

    def put(self, counts: Mapping[Key, Count]) -> None:
        """Replace these counts."""

    def forget(self, keys: Sequence[Key]) -> None:
        """Somebody got in: start over."""


class RateCounts(Protocol):
    """How often each caller asked, as processes that share the database tell each other."""

    def exchange(self, process: bytes, counts: Sequence[RateCount]) -> dict[bytes, int]:
        """Tell what this process counted; what all others told under the same keys, if anything.

        A process tells its whole count each time, so telling twice is telling once. No unit waits
        for another. What was told may be lost in a crash of the database.
        """


class SigningKeys(Protocol):
    """Keys that sign tokens, private halves encrypted."""

    def all(self) -> list[KeyRecord]:
        """Every key still kept, oldest first."""

    def hold(self) -> None:
        """Let no other unit change keys until this one ends: two nodes make one new key."""

    def add(self, record: KeyRecord) -> None:
        """Keep a new key."""

    def retire(self, kid: str, published_until: int) -> None:
        """Say when an old key leaves the published set."""

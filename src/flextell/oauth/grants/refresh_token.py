"""Rotate refresh tokens and recognise replays (RFC 6749 §6, RFC 9700 §4.14).

The same presented token buys the same successor until it is proven that the successor
arrived; presented after that, it is reuse, and the grant ends. `TABLE` is the whole rule.
"""

from dataclasses import dataclass, field
from enum import Enum

from flextell.oauth import access_token, scopes, sealing
from flextell.oauth.errors import InvalidGrant
from flextell.oauth.grants.issue import (
    REFRESH_PREFIX,
    SECRET_BYTES,
    Issue,
    Lifetimes,
    new_token,
)
from flextell.oauth.model import Client, EndGrant, Grant, RefreshToken, digest_of
from flextell.oauth.parameters import Refresh


class Standing(Enum):
    """Where a presented token stands."""

    CURRENT = "never used"
    EXPIRED = "never used, expired"
    ANSWERED = "used, successor unused"
    OVERTAKEN = "used, successor used"


class Age(Enum):
    """How long ago the token was first used."""

    AT_ONCE = "within the retry time"
    LATER = "within the outage time"
    TOO_LATE = "later than that"


class Verdict(Enum):
    """What a presented token buys."""

    ROTATE = "a new successor"
    REPEAT = "the same successor again"
    REFUSE = "nothing"
    END = "nothing, and the grant ends"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; None means that it does not matter."""

    standing: Standing
    age: Age | None
    seen: bool | None
    proves_itself: bool | None
    verdict: Verdict
    why: str

    def fits(self, standing: Standing, age: Age, seen: bool, proves_itself: bool) -> bool:
        """Whether this line speaks of such a case."""
        return (
            self.standing is standing
            and self.age in (None, age)
            and self.seen in (None, seen)
            and self.proves_itself in (None, proves_itself)
        )


# `seen`: the access token that came with the successor was presented to the API or introspected.
# `proves itself`: the client authenticates with a secret.  The first line that fits decides.
TABLE: tuple[Row, ...] = (
    Row(Standing.CURRENT, None, None, None, Verdict.ROTATE, "the ordinary refresh"),
    Row(Standing.EXPIRED, None, None, None, Verdict.REFUSE, "it was left unused for too long"),
    Row(Standing.OVERTAKEN, None, None, None, Verdict.END, "the successor arrived: it was used"),
    Row(Standing.ANSWERED, Age.AT_ONCE, None, None, Verdict.REPEAT, "a lost answer, two at once"),
    Row(Standing.ANSWERED, Age.LATER, True, None, Verdict.END, "the answer arrived: it was seen"),
    Row(Standing.ANSWERED, Age.LATER, False, True, Verdict.REPEAT, "an outage: never arrived"),
    Row(Standing.ANSWERED, Age.LATER, False, False, Verdict.END, "anyone could be this client"),
    Row(Standing.ANSWERED, Age.TOO_LATE, None, None, Verdict.END, "nobody waits that long"),
)


def printed() -> str:
    """The table as Markdown, for the documentation and for a person at a terminal."""

    def word(value: bool | None) -> str:
        return {None: "any", True: "yes", False: "no"}[value]

    lines = [
        "| presented token | first used | answer seen | client proves itself | it buys | because |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.standing.value} | {row.age.value if row.age else 'any'} | {word(row.seen)} "
        f"| {word(row.proves_itself)} | {row.verdict.value} | {row.why} |"
        for row in TABLE
    ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token that was presented, and what became of it so far.

    `seen` says that the access token which came with the successor was met, as far as anyone
    knows now; `successor_used` that the successor has a successor itself; `access_ended` that this
    access token was revoked, and it alone.
    """

    token: RefreshToken
    grant: Grant
    successor: RefreshToken | None = None
    successor_used: bool = False
    seen: bool = False
    access_ended: bool = False


def judge(presented: Presented, proves_itself: bool, lifetimes: Lifetimes, now: int) -> Row:
    """The line of the table that decides this case."""
    standing = standing_of(presented, now)
    age = _age(presented, lifetimes, now)
    return next(r for r in TABLE if r.fits(standing, age, presented.seen, proves_itself))


def standing_of(presented: Presented, now: int) -> Standing:
    """Where the token stands, whoever presents it."""
    if presented.successor is None:
        expired = now >= presented.token.expires_at
        return Standing.EXPIRED if expired else Standing.CURRENT
    return Standing.OVERTAKEN if presented.successor_used else Standing.ANSWERED


def _age(presented: Presented, lifetimes: Lifetimes, now: int) -> Age:
    if presented.successor is None:
        return Age.AT_ONCE
    if now >= presented.successor.expires_at:
        return Age.TOO_LATE  # whatever the outage time: the answer would be a dead token
    since = now - presented.successor.issued_at
    if since <= lifetimes.retry:
        return Age.AT_ONCE
    return Age.LATER if since <= lifetimes.outage else Age.TOO_LATE


@dataclass(frozen=True, slots=True)
class Dice:
    """Chance, thrown before the rule needs it: a new token, a nonce, and a name for a retry."""

    refresh_token: str = field(repr=False)
    nonce: bytes
    own: str


DICE_BYTES = SECRET_BYTES + sealing.NONCE_BYTES + 6


def dice(thrown: bytes) -> Dice:
    """Read `DICE_BYTES` random bytes, thrown at once: each throw is a system call."""
    secret, rest = thrown[:SECRET_BYTES], thrown[SECRET_BYTES:]
    return Dice(
        refresh_token=new_token(REFRESH_PREFIX, secret),
        nonce=rest[: sealing.NONCE_BYTES],
        own=rest[sealing.NONCE_BYTES :].hex(),
    )


def rotate(
    asked: Refresh,
    client: Client,
    presented: Presented | None,
    dice: Dice,
    lifetimes: Lifetimes,
    now: int,
) -> Issue:
    """Say what this refresh token buys, or raise InvalidGrant or InvalidScope."""
    if presented is None:
        raise InvalidGrant("The refresh token is unknown.")
    grant = presented.grant
    if grant.client_id != client.client_id:
        raise InvalidGrant("The refresh token was issued to another client.", detail="wrong client")
    if grant.ended_at is not None:
        raise InvalidGrant("The refresh token was revoked: the person must connect again.")
    row = judge(presented, client.confidential, lifetimes, now)
    match row.verdict:
        case Verdict.ROTATE:
            return _successor(asked, presented, dice, lifetimes, now)
        case Verdict.REPEAT:
            return _same_again(asked, presented, dice, lifetimes, now)
        case Verdict.REFUSE:
            raise InvalidGrant("The refresh token has expired: the person must connect again.")
        case Verdict.END:
            raise InvalidGrant(
                "The refresh token was used before. All tokens of this grant are revoked.",
                detail=f"refresh token reused: generation {presented.token.generation}, {row.why}",
                then=EndGrant(grant.grant_id, "refresh_token_reused"),
            )


def _successor(
    asked: Refresh, presented: Presented, dice: Dice, lifetimes: Lifetimes, now: int
) -> Issue:
    grant = presented.grant
    generation = presented.token.generation + 1
    granted = scopes.narrowed(asked.scope, grant.scopes)
    access = access_token.for_grant(grant, generation, granted, now, now + lifetimes.access_token)
    kept = RefreshToken(
        digest=digest_of(dice.refresh_token),
        grant_id=grant.grant_id,
        generation=generation,
        issued_at=now,
        # Never before its predecessor, should the setting have been lowered: a predecessor whose
        # successor was swept away would look as if it had never been used.
        expires_at=max(now + lifetimes.refresh_token, presented.token.expires_at),
        access_scopes=granted,
        access_expires_at=access.expires_at,
        sealed=sealing.seal(
            _sealing_key(asked.refresh_token),
            dice.refresh_token.encode("ascii"),
            dice.nonce,
            context=grant.grant_id.encode("ascii"),
        ),
    )
    return Issue(access, dice.refresh_token, kept=kept)


def _same_again(
    asked: Refresh, presented: Presented, dice: Dice, lifetimes: Lifetimes, now: int
) -> Issue:
    """The successor that was made the first time, with the same access token while that lives."""
    grant, successor = presented.grant, presented.successor
    if successor is None or successor.sealed is None:
        raise ValueError("only a token that has a successor is repeated")
    granted = scopes.narrowed(asked.scope, grant.scopes)
    refresh_token = sealing.unseal(
        _sealing_key(asked.refresh_token), successor.sealed, grant.grant_id.encode("ascii")
    ).decode("ascii")
    alive = now < successor.access_expires_at and not presented.access_ended
    if granted == successor.access_scopes and alive:
        access = access_token.for_grant(
            grant, successor.generation, granted, successor.issued_at, successor.access_expires_at
        )
    else:
        # Other scopes, or an answer whose access token is dead by now: a token of its own.
        access = access_token.for_grant(
            grant, successor.generation, granted, now, now + lifetimes.access_token, dice.own
        )
    return Issue(access, refresh_token)


def _sealing_key(presented: str) -> bytes:
    return sealing.derive(presented.encode("ascii"), "refresh successor")

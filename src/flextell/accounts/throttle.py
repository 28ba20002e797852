"""Slow down guessing without locking anyone out (OWASP ASVS 5.0 §6.3.1).

Wrong passwords are counted under three keys: this account from this address, this account
from anywhere, and this address for any account. Beyond a number of free attempts each key
makes the next try wait, twice as long each time, up to a limit. A try made while waiting is
turned away uncounted, so that nobody can push the end of somebody else's wait. The limit of an
account from anywhere is short, it does not hold an address that has not itself failed more than
once, and a browser in which its owner signed in before is counted under a key of its own: a
stranger's guesses never keep the owner out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a key counts."""

    ACCOUNT_AND_ADDRESS = "account and address"
    ACCOUNT = "account"
    ADDRESS = "address"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a kind of key is treated: tries without waiting, and the longest wait (seconds)."""

    free: int
    longest_wait: int


Rules = dict[Kind, Rule]


@dataclass(frozen=True, slots=True)
class Count:
    """Wrong passwords under one key so far, and until when the next try waits."""

    failures: int = 0
    last_at: int = 0
    wait_until: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """What is counted: a kind and whom it is about."""

    kind: Kind
    about: str

    @property
    def text(self) -> str:
        """The key as the store keeps it."""
        return f"{self.kind.value}:{self.about}"


def keys(email: str, address: str, device: str | None) -> tuple[Key, ...]:
    """The keys a try is counted under. `device` names a browser the account's owner used before."""
    if device is not None:
        return (Key(Kind.DEVICE, device), Key(Kind.ADDRESS, address))
    return (
        Key(Kind.ACCOUNT_AND_ADDRESS, f"{email} {address}"),
        Key(Kind.ACCOUNT, email),
        Key(Kind.ADDRESS, address),
    )


# Whoever fails so often for an account is held by what others did to it.
SUSPICIOUS_FAILURES = 2


def wait_seconds(counts: Mapping[Key, Count], now: int) -> int:
    """How long the next try must wait; 0 if it may come now."""
    suspicious = any(
        key.kind is Kind.ACCOUNT_AND_ADDRESS and count.failures >= SUSPICIOUS_FAILURES
        for key, count in counts.items()
    )
    held_by = (count for key, count in counts.items() if suspicious or key.kind is not Kind.ACCOUNT)
    return max((count.wait_until - now for count in held_by if count.wait_until > now), default=0)


def failed(count: Count, rule: Rule, forget_seconds: int, now: int) -> Count:
    """The count after one more wrong password."""
    before = 0 if now - count.last_at >= forget_seconds else count.failures
    failures = before + 1
    beyond = failures - rule.free
    # 2^20 seconds are beyond any limit: no need for larger numbers.
    wait = min(2 ** min(beyond, 20), rule.longest_wait) if beyond >= 0 else 0
    return Count(failures, last_at=now, wait_until=now + wait)

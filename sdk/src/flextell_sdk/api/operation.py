"""An operation as a value: what to ask, and how to read the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# Doing these twice is as doing them once (RFC 9110 §9.2.2).
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be sent, with the fields that go with it (RFC 7578)."""

    name: str
    content: bytes
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One call of the API, not made yet; a client performs it, in a thread or in a task.

    `path` follows the API's address and has its values in it; `read` takes the parsed JSON body
    (None where there is none). `idempotency_key` makes any method safe to repeat.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    upload: Upload | None = None
    idempotency_key: str = ""

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows if it arrived."""
        return self.method in IDEMPOTENT or bool(self.idempotency_key)


def as_query(**values: object) -> dict[str, str]:
    """Query parameters as text, without those that are None."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)

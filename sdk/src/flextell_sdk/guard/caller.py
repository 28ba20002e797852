"""Who calls a protected API, as their access token says (RFC 9068 §2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flextell_sdk.guard.refusals import MissingScope


@dataclass(frozen=True, slots=True)
class Caller:
    """The person (`subject`) and the app (`client_id`) that acts for them, proven.

    `expires_at` is in seconds since 1970; `claims` is all that the token says.
    """

    subject: str
    client_id: str
    scopes: frozenset[str]
    jti: str
    expires_at: float
    claims: Mapping[str, Any] = field(repr=False, compare=False)

    def need(self, *any_of: str) -> None:
        """Raises MissingScope unless one of the scopes was granted; none needed is enough."""
        if any_of and self.scopes.isdisjoint(any_of):
            raise MissingScope(any_of)

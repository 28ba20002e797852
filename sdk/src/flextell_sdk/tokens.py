"""Tokens: what lets an app act for a person, as it is kept in a store."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from flextell_sdk.errors import StoreDamaged

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one grant, or the reason why there are none any more.

    `version` grows by one with every change of the grant, so that of two the newer is known.
    `expires_at` is in seconds since 1970 by the server's clock, None where the server did not say;
    `lifetime` is in seconds. `clock_offset` is the server's clock minus ours when they came.
    `ended` is empty while the grant lives, else the sentence that says why it is over.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scope: str = ""
    expires_at: float | None = None
    lifetime: float | None = None
    id_token: str | None = field(default=None, repr=False)
    clock_offset: float = 0.0
    version: int = 1
    ended: str = ""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What was granted."""
        return tuple(self.scope.split())

    def as_next_after(self, before: "Tokens | None") -> "Tokens":
        """The same, one version above what it takes the place of."""
        return replace(self, version=before.version + 1 if before else 1)

    def over(self, why: str) -> "Tokens":
        """What is kept of a grant that has ended: the reason, and no secret."""
        return Tokens("", scope=self.scope, version=self.version + 1, ended=why)

    def to_bytes(self) -> bytes:
        """For a store, which seals it."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What `to_bytes` made, also an older version of it. Raises StoreDamaged."""
        try:
            found: dict[str, Any] = json.loads(content)
            if found.pop("format") > FORMAT:
                raise StoreDamaged("The stored tokens were written by a newer version.")
            known = {each.name for each in fields(cls)}
            return cls(**{name: value for name, value in found.items() if name in known})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # Without the cause: what it quotes may be of a token.
            raise StoreDamaged("The stored tokens are not in a form that we know.") from None

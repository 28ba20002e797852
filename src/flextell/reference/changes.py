"""What has changed in the API for those who call it: the newest first.

This table is the page /docs/changelog, and `docs/api-changelog.md` is made from it.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["added", "changed", "deprecated", "removed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change, in a sentence; backticks are for code."""

    kind: Kind
    sentence: str


@dataclass(frozen=True, slots=True)
class Release:
    """What came together; a date as `YYYY-MM-DD`, or empty before it is released."""

    version: str
    date: str
    changes: tuple[Change, ...]


RELEASES: tuple[Release, ...] = (
    Release(
        "v1",
        "",
        (
            Change("added", "`/api/v1/account`: tenants, roles and who asks."),
            Change("added", "`/api/v1/tenant`: read and change the business."),
            Change("added", "`/api/v1/users` and `/api/v1/roles`: the people of a business."),
            Change(
                "added",
                "`/api/v1/customers`: search, filters, sorting; create, change, delete, restore; "
                "notes, tags and files of a customer.",
            ),
            Change("added", "`/api/v1/tags`: with names that are unique in the business."),
            Change("added", "`/api/v1/files`: uploads of up to 50 MiB, and signed addresses."),
            Change(
                "added",
                "`/api/v1/conversations`: lists with search; messages that are quoted, changed and "
                "taken back; read marks, the agent and its suggestions.",
            ),
            Change("added", "`/api/v1/channels` and `/api/v1/channel-blacklists`: who is blocked."),
            Change(
                "added",
                "`PATCH` beside `PUT`; `ETag` with `If-Match` and `If-None-Match`; "
                "`Idempotency-Key` on every `POST`; `Prefer: return=minimal`.",
            ),
            Change("added", "Both ways through a list: by page, and by cursor."),
            Change("added", "Every refusal names where to find who gives tokens (RFC 9728)."),
            Change("changed", "Answers carry `Request-Id`, which was `X-Request-Id`."),
        ),
    ),
)

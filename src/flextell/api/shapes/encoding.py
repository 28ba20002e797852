"""Bytes of JSON, made once; times as RFC 3339 in UTC with `Z` (wire §c.7, §e 26)."""

from datetime import UTC, datetime

import orjson

CONTENT_TYPE = b"application/json"


def moment(seconds: int) -> datetime:
    """A time of ours, ready to be encoded."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: int | None) -> datetime | None:
    """The same for a time that may be absent."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def encode(value: object) -> bytes:
    """The bytes of a body."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)

"""JSON bodies become checked values; every fault has its code and its sentence (wire §e 7, 9, 19).

Not JSON, not of its type, or missing is 400 invalid_request; what breaks a limit is 422
validation_error. Unknown members are ignored. A body that changes something holds only what is to
be changed: `Body.changes` says what was sent.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, LiteralString, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from flextell.api.errors import ApiError
from flextell.api.faults import refused
from flextell.tenants.model import LARGEST_ID

B = TypeVar("B", bound="Body")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


ABSENT: Any = None
"""The default of what may be left out: `Field(ABSENT)`. Nobody reads it; see `Body.changes`."""


class Body(BaseModel):
    """What an endpoint takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def changes(self) -> dict[str, Any]:
        """What was sent, by name; what was sent as null is None."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _no_flag(fault: LiteralString) -> BeforeValidator:
    """Refuse true and false, which Python takes for numbers, as what is not of the type."""

    def check(value: object) -> object:
        if isinstance(value, bool):
            raise PydanticCustomError(fault, "")
        return value

    return BeforeValidator(check)


def _seconds(value: object) -> int:
    """A date or an RFC 3339 time as seconds; a date is its midnight (wire §e 26)."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            # A time without an offset is nobody's: only a bare date may leave it out.
            if len(value) != len("2026-11-25"):
                raise ValueError
            moment = moment.replace(tzinfo=UTC)
        # What an offset carries out of the years that there are could not be shown again.
        return (moment.astimezone(UTC) - _EPOCH) // (_EPOCH.resolution * 1_000_000)
    except (ValueError, OverflowError):
        raise PydanticCustomError("moment", "") from None


# One at-sign with something on either side and a dot behind it: whether it is somebody's, only a
# message to it could tell.
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


def _address(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise PydanticCustomError("email", "")
    return value


Email = Annotated[
    str, AfterValidator(_address), Field(max_length=255, json_schema_extra={"format": "email"})
]
"""An e-mail address."""

WHOLE = _no_flag("int_type")
"""Makes an int of `Annotated` a whole number, or the text of one (wire §e 8); not true or false.

Limits stand before it: behind it they hold as well, but the OpenAPI document would not have them.
"""

NUMBER = _no_flag("float_type")
"""The same for a float that is a number, or the text of one."""

Id = Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE]
"""The number of something."""

Flag = Annotated[bool, Field(strict=True)]
"""True or false, and nothing that looks like it."""

Moment = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time: `YYYY-MM-DD` or RFC 3339 on the wire, seconds since the epoch here."""


def parse_body(model: type[B], content_type: str | None, raw: bytes) -> B:
    """The body as checked values. Raises ApiError for the first thing wrong with it."""
    if raw and not _is_json(content_type):
        raise ApiError(
            "unsupported_media_type", "Send the body as JSON, with Content-Type: application/json."
        )
    try:
        content = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise ApiError("invalid_request", "The body must be JSON in UTF-8.") from None
    if not isinstance(content, dict):
        raise ApiError("invalid_request", "The body must be a JSON object.")
    # PostgreSQL keeps no NUL in a text. Few bodies have the six letters, so few are searched.
    if b"\\u0000" in raw and any("\0" in text for text in _texts(content)):
        raise ApiError("validation_error", "The body holds a NUL character.")
    try:
        return model.model_validate(content)
    except ValidationError as problem:
        raise refused(problem, "field") from None


def _is_json(content_type: str | None) -> bool:
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == "application/json"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)

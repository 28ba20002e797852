"""Query strings become checked parameters; every fault has its code and its sentence (wire §e 9).

What is not even of its type, or was sent twice, is 400 invalid_request; what breaks a limit is
422 validation_error. An empty value counts as absent: that is how a query says null.
Unknown parameters are ignored, as HTTP clients add their own.
"""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flextell.api.errors import ApiError
from flextell.api.faults import refused
from flextell.oauth.parameters import MalformedForm, parse_form
from flextell.tenants.customers import MAXIMUM_SEARCH_CHARACTERS
from flextell.tenants.paging import (
    MAXIMUM_CURSOR_CHARACTERS,
    MAXIMUM_PAGE,
    MAXIMUM_SIZE,
    SortOrder,
)

P = TypeVar("P", bound=BaseModel)


class ListParameters(BaseModel):
    """Which part of a list: by page number, or after a cursor."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    page: int | None = Field(
        None, ge=1, le=MAXIMUM_PAGE, description="Page number. Not with `cursor` or `limit`."
    )
    per_page: int | None = Field(
        None, ge=1, le=MAXIMUM_SIZE, description="Items of a page (default 20)."
    )
    limit: int | None = Field(
        None, ge=1, le=MAXIMUM_SIZE, description="Items after the cursor (default 20)."
    )
    cursor: str | None = Field(
        None,
        max_length=MAXIMUM_CURSOR_CHARACTERS,
        description="`meta.cursor` of the answer before; it carries the filters and the order.",
    )


class SearchParameters(ListParameters):
    """Which part of a list that can be searched, and has deleted things in it."""

    search: str | None = Field(
        None,
        max_length=MAXIMUM_SEARCH_CHARACTERS,
        description="Part of the text; case and accents are equal.",
    )
    sort_order: SortOrder | None = Field(
        None, description="Default `asc`, and `desc` where `sort_by` is absent."
    )
    trashed: bool | None = Field(None, description="Deleted ones too.")
    # Each list names its own.
    sort_by: str | None = Field(None, description="What to sort by (default `created_at`).")


PAGING = frozenset(ListParameters.model_fields)


def parse(model: type[P], query: bytes) -> P:
    """The parameters of a query string. Raises ApiError for the first thing wrong with it."""
    try:
        form = parse_form(query)
    except MalformedForm:
        raise ApiError(
            "invalid_request",
            "The query string must be percent-encoded UTF-8 with at most 100 parameters.",
        ) from None
    known = model.model_fields.keys()
    for name in sorted(form.repeated & known):
        raise ApiError("invalid_request", f"The parameter {name} was sent more than once.")
    for name, value in form.values.items():
        if name in known and "\0" in value:
            raise ApiError("invalid_request", f"The parameter {name} holds a NUL character.")
    try:
        return model.model_validate(form.values)
    except ValidationError as problem:
        raise refused(problem, "parameter") from None

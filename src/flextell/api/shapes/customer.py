"""The Customer and Tag resources (wire §a.3, newer generation)."""

from datetime import datetime

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment, moment_or_none
from flextell.api.shapes.tenant import Reference, reference
from flextell.tenants import model


class Tag(TypedDict):
    """A coloured label; `color` is `#RRGGBB`."""

    id: int
    tenant_id: int
    name: str
    color: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class Customer(TypedDict):
    """A customer. `deleted_at` is set on those that only `trashed` shows."""

    id: int
    first_name: str
    last_name: str
    phone_number: str
    email: str | None
    date_of_birth: datetime | None
    gender: model.Gender | None
    country_name: str | None
    identity_number: str | None
    job: str | None
    address: str | None
    default_channel_id: int | None
    avatar_url: str | None
    related_user: Reference | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    tags: list[Tag]


def tag(of: model.Tag) -> Tag:
    """The tag as the wire shows it."""
    return {
        "id": of.tag_id,
        "tenant_id": of.tenant_id,
        "name": of.name,
        "color": of.color,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "deleted_at": moment_or_none(of.deleted_at),
    }


def customer(of: model.Customer) -> Customer:
    """The customer as the wire shows it."""
    details = of.details
    return {
        "id": of.customer_id,
        "first_name": details.first_name,
        "last_name": details.last_name,
        "phone_number": details.phone_number,
        "email": details.email,
        "date_of_birth": moment_or_none(details.date_of_birth),
        "gender": details.gender,
        "country_name": of.country_name,
        "identity_number": details.identity_number,
        "job": details.job,
        "address": details.address,
        "default_channel_id": details.default_channel_id,
        "avatar_url": details.avatar_url,
        "related_user": reference(of.related_user),
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "deleted_at": moment_or_none(of.deleted_at),
        "tags": [tag(one) for one in of.tags],
    }

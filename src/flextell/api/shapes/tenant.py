"""The Tenant resource (wire §a.3)."""

from datetime import datetime

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment
from flextell.tenants import model


class Reference(TypedDict):
    """Something with an id and a name."""

    id: int
    name: str


class Location(TypedDict):
    """Where a business is; degrees as text."""

    latitude: str | None
    longitude: str | None


class WorkHours(TypedDict):
    """When a business is open on one day; times are `HH:MM`, local."""

    day: str
    enabled: bool
    open: str
    close: str


class Tenant(TypedDict):
    """A business that a person belongs to. `logo_url` is another name of `avatar_url`."""

    id: int
    name: str
    avatar_url: str | None
    logo_url: str | None
    phone_number: str | None
    address: str | None
    location: Location
    services: list[str]
    knowledge_base: list[str]
    work_hours: list[WorkHours]
    city_id: int | None
    district_id: int | None
    country_id: int | None
    city: Reference | None
    district: Reference | None
    country: Reference | None
    created_at: datetime
    updated_at: datetime


def reference(named: model.Named | None) -> Reference | None:
    """A place or a person, as others refer to it."""
    return None if named is None else {"id": named.id, "name": named.name}


def name_of(named: model.Named | None) -> str | None:
    """The name of a person, as others show it."""
    return None if named is None else named.name


def tenant(of: model.Tenant) -> Tenant:
    """The tenant as the wire shows it."""
    details = of.details
    return {
        "id": of.tenant_id,
        "name": details.name,
        "avatar_url": details.avatar_url,
        "logo_url": details.avatar_url,
        "phone_number": details.phone_number,
        "address": details.address,
        "location": {"latitude": details.latitude, "longitude": details.longitude},
        "services": list(details.services),
        "knowledge_base": list(details.knowledge_base),
        "work_hours": [
            {"day": day.day, "enabled": day.enabled, "open": day.open, "close": day.close}
            for day in details.work_hours
        ],
        "city_id": details.city_id,
        "district_id": details.district_id,
        "country_id": details.country_id,
        "city": reference(of.city),
        "district": reference(of.district),
        "country": reference(of.country),
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
    }

"""The resources of the API, as frozen values. Times are in UTC."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class About:
    """What the API says of itself."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Something else, by its id and name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Location:
    """Where a business is; degrees as text."""

    latitude: str | None = None
    longitude: str | None = None


@dataclass(frozen=True, slots=True)
class WorkHours:
    """When a business is open on one day; times are `HH:MM`, local."""

    day: str
    enabled: bool
    open: str
    close: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """A business that the person belongs to."""

    id: int
    name: str
    avatar_url: str | None = None
    phone_number: str | None = None
    address: str | None = None
    location: Location = Location()
    services: tuple[str, ...] = ()
    knowledge_base: tuple[str, ...] = ()
    work_hours: tuple[WorkHours, ...] = ()
    city: Reference | None = None
    district: Reference | None = None
    country: Reference | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A coloured label; `color` is `#RRGGBB`."""

    id: int
    name: str
    color: str
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of a tenant. `deleted_at` is set on those that only `trashed` shows."""

    id: int
    first_name: str
    last_name: str
    phone_number: str | None = None
    email: str | None = None
    date_of_birth: datetime | None = None
    gender: str | None = None
    country_name: str | None = None
    identity_number: str | None = None
    job: str | None = None
    address: str | None = None
    default_channel_id: int | None = None
    avatar_url: str | None = None
    related_user: Reference | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about a customer."""

    id: int
    content: str
    user_id: int | None = None
    author: Reference | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in a sentence."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who works in a business."""

    id: int
    name: str
    email: str = ""
    title: str | None = None
    phone: str | None = None
    emergency_contact_name: str | None = None
    emergency_contact_surname: str | None = None
    emergency_contact_phone_number: str | None = None
    blood_group: str | None = None
    language: tuple[str, ...] = ()
    avatar_url: str | None = None
    is_active: bool = True
    bio: str | None = None
    last_login_at: datetime | None = None
    last_login_ip: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    roles: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Me:
    """The person that the app acts for, and what it may do."""

    id: int
    name: str
    email: str = ""
    is_active: bool = True
    roles: tuple[Reference, ...] = ()
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody may do in a business."""

    id: int
    name: str
    is_system: bool = True
    permissions_count: int = 0
    permissions: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file. `temporary_url` opens it for some minutes to whoever has the address."""

    id: int
    name: str
    description: str | None = None
    type: str = "other"
    mime_type: str = "application/octet-stream"
    size: int = 0
    formatted_size: str = ""
    group_id: str = ""
    fileable_type: str = ""
    fileable_id: int | None = None
    temporary_url: str | None = None
    temporary_thumbnail_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Files that were sent as one group."""

    group_id: str
    description: str | None = None
    files: tuple[File, ...] = ()

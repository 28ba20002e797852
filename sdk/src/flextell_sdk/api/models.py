"""The resources of the API, as frozen values. Times are in UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a business talks to its customers; `address` is its own there."""

    id: int
    name: str
    type: str = ""
    address: str = ""
    is_active: bool = True
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BlacklistEntry:
    """A customer who is, or was, blocked on a channel; `remaining_time` is in seconds."""

    id: int
    reason: str
    reason_label: str = ""
    note: str | None = None
    blocked_at: datetime | None = None
    expires_at: datetime | None = None
    is_active: bool = True
    is_permanent: bool = False
    is_expired: bool = False
    remaining_time: str | None = None
    dropped_messages: int = 0
    metadata: Any = None
    channel: Channel | None = None
    customer: Customer | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything said with one address on one channel, and its last message."""

    id: int
    display_name: str
    address: str
    last_message_id: str | None = None
    last_message: str | None = None
    last_message_at: datetime | None = None
    last_message_type: str | None = None
    last_message_is_customer: bool | None = None
    unread_count: str = "0"
    agent_disabled: bool = False
    agent_expires_at: datetime | None = None
    agent_disabled_by_user_name: str | None = None
    customer: Customer | None = None
    channel: Channel | None = None
    blacklist: BlacklistEntry | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `user_id` is who wrote it, None if the customer did."""

    id: int
    conversation_id: int
    user_id: int | None = None
    user_name: str | None = None
    is_customer: bool = False
    message_type: str = "text"
    message: str | None = None
    quoted_text: str | None = None
    is_deleted: bool = False
    is_edited: bool = False
    edited_by_user_name: str | None = None
    deleted_by_user_name: str | None = None
    read_at: datetime | None = None
    metadata: str | None = None
    created_at: datetime | None = None
    file: File | None = None
    file_temporary_url: str | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a message: `queued` for the channel's webhook, or `stored` without one."""

    status: str
    message_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """Whether the AI agent is switched off, until when, and by whom."""

    agent_disabled: bool
    agent_expires_at: datetime | None = None
    agent_disabled_by_user_name: str | None = None
    remaining_minutes: str | None = None


@dataclass(frozen=True, slots=True)
class AiSuggestion:
    """What the AI suggests to answer."""

    id: int
    conversation_id: int
    original_text: str
    final_text: str | None = None
    status: str = "pending"
    rating: str | None = None
    pending_actions: Any = None
    trigger_chat_log_ids: tuple[int, ...] = ()
    has_new_messages: bool = False
    sent_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

"""Every operation of the API: a function for each, which makes the value that says it all."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from flextell_sdk.api.models import (
    About,
    AgentStatus,
    AiSuggestion,
    BlacklistEntry,
    Channel,
    Conversation,
    Customer,
    Done,
    File,
    FileGroup,
    Me,
    Message,
    Note,
    Role,
    SendResult,
    Tag,
    Tenant,
    User,
)
from flextell_sdk.api.operation import Operation, Upload, as_query
from flextell_sdk.api.paging import Page, page_of
from flextell_sdk.api.reading import reader
from flextell_sdk.errors import UnexpectedAnswer

T = TypeVar("T")

# Fewer and larger pages: whoever wants less says so.
PAGE_SIZE = 100


class ListQuery(TypedDict, total=False):
    """What every list takes: the size of a page, 1 to 100."""

    limit: int


class CustomerQuery(ListQuery, total=False):
    """Which customers, in which order."""

    search: str
    sort_by: Literal[
        "first_name", "last_name", "date_of_birth", "gender", "created_at", "updated_at"
    ]
    sort_order: Literal["asc", "desc"]
    gender: Literal["male", "female", "other"]
    min_age: int
    max_age: int
    trashed: bool


class SearchQuery(ListQuery, total=False):
    """Which rows of a list that can be searched, in which order."""

    search: str
    sort_by: str
    sort_order: Literal["asc", "desc"]
    trashed: bool


class CustomerFields(TypedDict, total=False):
    """What a customer is made or changed with; a change sends only what is to change."""

    first_name: str
    last_name: str
    phone_number: str
    email: str | None
    date_of_birth: date | datetime | str | None
    gender: Literal["male", "female", "other"] | None
    country_id: int | None
    identity_number: str | None
    job: str | None
    address: str | None
    default_channel_id: int | None
    user_id: int | None
    tag_ids: list[int]


class NoteFields(TypedDict, total=False):
    """What a note is made or changed with."""

    content: str
    user_id: int


class TagFields(TypedDict, total=False):
    """What a tag is made or changed with; `color` is `#RRGGBB`."""

    name: str
    color: str


class UserQuery(SearchQuery, total=False):
    """Which people, in which order."""

    is_active: bool
    role: str


class UserFields(TypedDict, total=False):
    """What somebody is made or changed with; `password` comes with `password_confirmation`."""

    name: str
    email: str
    password: str
    password_confirmation: str
    phone: str | None
    title: str | None
    emergency_contact_name: str | None
    emergency_contact_surname: str | None
    emergency_contact_phone_number: str | None
    blood_group: str | None
    language: list[str]
    avatar_url: str | None
    is_active: bool
    bio: str | None
    role_ids: list[int]


class TenantFields(TypedDict, total=False):
    """What a business is changed with."""

    phone_number: str | None
    address: str
    knowledge_base: str | None
    services: list[str] | None
    location: dict[str, float]
    work_hours: list[dict[str, Any]]


FileType = Literal["form_image", "audio", "catalog", "certificate", "image", "other"]
FileableType = Literal["customer", "user", "tenant", "chat_log", "ai_report"]


class FileQuery(ListQuery, total=False):
    """Which files, in which order."""

    sort_by: Literal["name", "size", "type", "created_at", "updated_at"]
    sort_order: Literal["asc", "desc"]
    type: FileType
    fileable_type: FileableType
    fileable_id: int
    trashed: bool


class FileFields(TypedDict, total=False):
    """What goes with a file; files of one group are shown together."""

    type: FileType
    description: str
    group_id: str


class TenantFileFields(FileFields, total=False):
    """What goes with a file, and what it belongs to."""

    fileable_type: FileableType
    fileable_id: int


class ConversationQuery(ListQuery, total=False):
    """Which conversations, the one with the newest message first."""

    search: str
    channel_type: Literal["whatsapp", "instagram", "website", "telegram"]


class ConversationFields(TypedDict, total=False):
    """With which address on which channel; the names are for somebody not known yet."""

    channel_id: int
    address: str
    first_name: str
    last_name: str


class MessageFields(TypedDict, total=False):
    """What to say, and in answer to which message."""

    message: str
    quoted_message_id: int


class SuggestionFields(TypedDict, total=False):
    """What the AI suggests, and because of which messages."""

    original_text: str
    trigger_chat_log_ids: list[int]
    pending_actions: list[Any]


class SendingFields(TypedDict, total=False):
    """How a suggestion is sent."""

    send_source: Literal["suggestion_as_is", "suggestion_edited"]
    message: str
    take_over_agent: bool


class ChannelQuery(ListQuery, total=False):
    """Which channels, oldest first."""

    type: Literal["whatsapp", "instagram", "website", "telegram"]


BlockReason = Literal["rate_limit", "llm_spam", "manual", "security_threat", "abusive_language"]


class BlockQuery(ListQuery, total=False):
    """Which blocks, newest first."""

    channel_id: int
    customer_id: int
    reason: BlockReason
    in_force: bool


class NewBlockFields(TypedDict, total=False):
    """Whom to block where, why, and for how long (without `ttl_seconds`: for good)."""

    channel_id: int
    customer_id: int
    reason: BlockReason
    ttl_seconds: int
    note: str
    metadata: Any


class BlockFields(TypedDict, total=False):
    """What of a block is to change; `metadata` is merged."""

    reason: BlockReason
    note: str | None
    expires_at: datetime | str | None
    is_active: bool
    metadata: Any


def about() -> Operation[About]:
    """What the API says of itself. Any valid token will do."""
    return Operation("GET", "", one(About))


def list_tenants(**query: Unpack[ListQuery]) -> Operation[Page[Tenant]]:
    """The businesses that the person belongs to. Scope: account:read or tenants:read."""
    return Operation("GET", "/v1/account/tenants", page_of(Tenant), _paged(query))


def list_customers(**query: Unpack[CustomerQuery]) -> Operation[Page[Customer]]:
    """The customers of a tenant. Scope: customers:read."""
    return Operation("GET", "/v1/customers", page_of(Customer), _paged(query))


def get_customer(customer_id: int) -> Operation[Customer]:
    """One customer. Scope: customers:read."""
    return Operation("GET", f"/v1/customers/{customer_id:d}", one(Customer))


def create_customer(
    *, idempotency_key: str = "", **fields: Unpack[CustomerFields]
) -> Operation[Customer]:
    """Create a customer; with a key it may be sent again. Scope: customers:write."""
    return _send("POST", "/v1/customers", Customer, fields, idempotency_key)


def update_customer(customer_id: int, **fields: Unpack[CustomerFields]) -> Operation[Customer]:
    """Change what is given of a customer; None clears it. Scope: customers:write."""
    return _send("PUT", f"/v1/customers/{customer_id:d}", Customer, fields)


def delete_customer(customer_id: int) -> Operation[Done]:
    """Delete a customer, until restored. Scope: customers:write."""
    return Operation("DELETE", f"/v1/customers/{customer_id:d}", one(Done))


def restore_customer(customer_id: int) -> Operation[Customer]:
    """Restore a deleted customer. Scope: customers:write."""
    return Operation("POST", f"/v1/customers/{customer_id:d}/restore", one(Customer))


def list_notes(customer_id: int, **query: Unpack[SearchQuery]) -> Operation[Page[Note]]:
    """The notes about a customer. Scope: customers:read."""
    path = f"/v1/customers/{customer_id:d}/notes"
    return Operation("GET", path, page_of(Note), _paged(query))


def create_note(
    customer_id: int, *, idempotency_key: str = "", **fields: Unpack[NoteFields]
) -> Operation[Note]:
    """Write a note about a customer. Scope: customers:write."""
    path = f"/v1/customers/{customer_id:d}/notes"
    return _send("POST", path, Note, fields, idempotency_key)


def get_note(customer_id: int, note_id: int) -> Operation[Note]:
    """One note. Scope: customers:read."""
    return Operation("GET", _note(customer_id, note_id), one(Note))


def update_note(customer_id: int, note_id: int, **fields: Unpack[NoteFields]) -> Operation[Note]:
    """Change what is given of a note. Scope: customers:write."""
    return _send("PUT", _note(customer_id, note_id), Note, fields)


def delete_note(customer_id: int, note_id: int) -> Operation[Done]:
    """Delete a note, until restored. Scope: customers:write."""
    return Operation("DELETE", _note(customer_id, note_id), one(Done))


def restore_note(customer_id: int, note_id: int) -> Operation[Note]:
    """Restore a deleted note. Scope: customers:write."""
    return Operation("POST", f"{_note(customer_id, note_id)}/restore", one(Note))


def list_tags(**query: Unpack[SearchQuery]) -> Operation[Page[Tag]]:
    """The tags of a tenant. Scope: tags:read."""
    return Operation("GET", "/v1/tags", page_of(Tag), _paged(query))


def create_tag(*, idempotency_key: str = "", **fields: Unpack[TagFields]) -> Operation[Tag]:
    """Create a tag. Scope: tags:write."""
    return _send("POST", "/v1/tags", Tag, fields, idempotency_key)


def get_tag(tag_id: int) -> Operation[Tag]:
    """One tag. Scope: tags:read."""
    return Operation("GET", f"/v1/tags/{tag_id:d}", one(Tag))


def update_tag(tag_id: int, **fields: Unpack[TagFields]) -> Operation[Tag]:
    """Change what is given of a tag. Scope: tags:write."""
    return _send("PUT", f"/v1/tags/{tag_id:d}", Tag, fields)


def delete_tag(tag_id: int) -> Operation[Done]:
    """Delete a tag, until restored. Scope: tags:write."""
    return Operation("DELETE", f"/v1/tags/{tag_id:d}", one(Done))


def restore_tag(tag_id: int) -> Operation[Tag]:
    """Restore a deleted tag. Scope: tags:write."""
    return Operation("POST", f"/v1/tags/{tag_id:d}/restore", one(Tag))


def put_customer_tag(customer_id: int, tag_id: int) -> Operation[Customer]:
    """Put a tag on a customer; twice is once. Scope: customers:write."""
    return Operation("PUT", f"/v1/customers/{customer_id:d}/tags/{tag_id:d}", one(Customer))


def delete_customer_tag(customer_id: int, tag_id: int) -> Operation[Done]:
    """Take a tag off a customer. Scope: customers:write."""
    return Operation("DELETE", f"/v1/customers/{customer_id:d}/tags/{tag_id:d}", one(Done))


def get_me() -> Operation[Me]:
    """Who the app acts for, and what it may do. Scope: account:read."""
    return Operation("GET", "/v1/account/me", one(Me))


def get_my_roles() -> Operation[dict[str, dict[str, str]]]:
    """Names of the person's roles and permissions by id. Scope: account:read."""
    return Operation("GET", "/v1/account/roles", data)


def get_tenant() -> Operation[Tenant]:
    """The business that the call acts in. Scope: tenants:read."""
    return Operation("GET", "/v1/tenant", one(Tenant))


def update_tenant(**fields: Unpack[TenantFields]) -> Operation[Tenant]:
    """Change what is given of the business. Scope: tenants:write."""
    return _send("PUT", "/v1/tenant", Tenant, fields)


def list_users(**query: Unpack[UserQuery]) -> Operation[Page[User]]:
    """The people who work in the business. Scope: users:read."""
    return Operation("GET", "/v1/users", page_of(User), _paged(query))


def create_user(*, idempotency_key: str = "", **fields: Unpack[UserFields]) -> Operation[User]:
    """Add somebody new. Scope: users:write."""
    return _send("POST", "/v1/users", User, fields, idempotency_key)


def get_user(user_id: int) -> Operation[User]:
    """One of the people. Scope: users:read."""
    return Operation("GET", f"/v1/users/{user_id:d}", one(User))


def update_user(user_id: int, **fields: Unpack[UserFields]) -> Operation[User]:
    """Change what is given of somebody. Scope: users:write."""
    return _send("PUT", f"/v1/users/{user_id:d}", User, fields)


def delete_user(user_id: int) -> Operation[Done]:
    """Remove somebody from the business. Scope: users:write."""
    return Operation("DELETE", f"/v1/users/{user_id:d}", one(Done))


def list_user_roles(user_id: int, **query: Unpack[ListQuery]) -> Operation[Page[Role]]:
    """The roles of somebody. Scope: users:read."""
    return Operation("GET", f"/v1/users/{user_id:d}/roles", page_of(Role), _paged(query))


def replace_user_roles(user_id: int, role_ids: list[int]) -> Operation[list[dict[str, Any]]]:
    """Give somebody these roles and no others. Scope: users:write."""
    path = f"/v1/users/{user_id:d}/roles"
    return Operation("PUT", path, data, body={"role_ids": role_ids})


def list_roles(**query: Unpack[ListQuery]) -> Operation[Page[Role]]:
    """The roles there are. Scope: users:read."""
    return Operation("GET", "/v1/roles", page_of(Role), _paged(query))


def get_role(role_id: int) -> Operation[Role]:
    """One role and its permissions. Scope: users:read."""
    return Operation("GET", f"/v1/roles/{role_id:d}", one(Role))


def list_files(**query: Unpack[FileQuery]) -> Operation[Page[File]]:
    """The files of a business. Scope: files:read."""
    return Operation("GET", "/v1/files", page_of(File), _paged(query))


def create_file(
    name: str,
    content: bytes,
    *,
    idempotency_key: str = "",
    **fields: Unpack[TenantFileFields],
) -> Operation[File]:
    """Upload a file of up to 50 MiB. Scope: files:write."""
    return _upload("/v1/files", name, content, fields, idempotency_key)


def get_file(file_id: int) -> Operation[File]:
    """One file, and an address that opens it. Scope: files:read."""
    return Operation("GET", f"/v1/files/{file_id:d}", one(File))


def delete_file(file_id: int) -> Operation[Done]:
    """Delete a file. Scope: files:write."""
    return Operation("DELETE", f"/v1/files/{file_id:d}", one(Done))


def list_customer_files(customer_id: int, **query: Unpack[ListQuery]) -> Operation[Page[FileGroup]]:
    """The files of a customer, group by group. Scope: customers:read."""
    path = f"/v1/customers/{customer_id:d}/files"
    return Operation("GET", path, page_of(FileGroup), _paged(query))


def create_customer_file(
    customer_id: int,
    name: str,
    content: bytes,
    *,
    idempotency_key: str = "",
    **fields: Unpack[FileFields],
) -> Operation[File]:
    """Upload a file of a customer, up to 50 MiB. Scope: files:write."""
    path = f"/v1/customers/{customer_id:d}/files"
    return _upload(path, name, content, fields, idempotency_key)


def list_conversations(**query: Unpack[ConversationQuery]) -> Operation[Page[Conversation]]:
    """The conversations of a business. Scope: conversations:read."""
    return Operation("GET", "/v1/conversations", page_of(Conversation), _paged(query))


def create_conversation(
    *, idempotency_key: str = "", **fields: Unpack[ConversationFields]
) -> Operation[Conversation]:
    """Begin a conversation. Scope: conversations:write."""
    return _send("POST", "/v1/conversations", Conversation, fields, idempotency_key)


def get_conversation(conversation_id: int) -> Operation[Conversation]:
    """One conversation. Scope: conversations:read."""
    return Operation("GET", _talk(conversation_id), one(Conversation))


def read_conversation(conversation_id: int) -> Operation[Done]:
    """Mark a conversation as read. Scope: conversations:write."""
    return Operation("POST", _talk(conversation_id, "/read"), one(Done))


def list_messages(conversation_id: int, **query: Unpack[ListQuery]) -> Operation[Page[Message]]:
    """The messages of a conversation, newest first. Scope: conversations:read."""
    path = _talk(conversation_id, "/messages")
    return Operation("GET", path, page_of(Message), _paged(query))


def create_message(
    conversation_id: int, *, idempotency_key: str = "", **fields: Unpack[MessageFields]
) -> Operation[SendResult]:
    """Send a message; with a key it may be sent again. Scope: conversations:write."""
    path = _talk(conversation_id, "/messages")
    return _send("POST", path, SendResult, fields, idempotency_key)


def create_media_message(
    conversation_id: int,
    name: str,
    content: bytes,
    *,
    message: str = "",
    idempotency_key: str = "",
) -> Operation[SendResult]:
    """Send a file of up to 50 MiB, with or without a text. Scope: conversations:write."""
    upload = Upload(name, content, {"message": message} if message else {})
    path = _talk(conversation_id, "/messages/media")
    return Operation("POST", path, one(SendResult), upload=upload, idempotency_key=idempotency_key)


def get_message(conversation_id: int, message_id: int) -> Operation[Message]:
    """One message. Scope: conversations:read."""
    return Operation("GET", _message(conversation_id, message_id), one(Message))


def update_message(conversation_id: int, message_id: int, message: str) -> Operation[Message]:
    """Change what a message of our side says. Scope: conversations:write."""
    return _send("PUT", _message(conversation_id, message_id), Message, {"message": message})


def delete_message(conversation_id: int, message_id: int) -> Operation[Done]:
    """Delete a message of our side. Scope: conversations:write."""
    return Operation("DELETE", _message(conversation_id, message_id), one(Done))


def get_agent(conversation_id: int) -> Operation[AgentStatus]:
    """Whether the AI agent of a conversation is off. Scope: conversations:read."""
    return Operation("GET", _talk(conversation_id, "/agent"), one(AgentStatus))


def disable_agent(conversation_id: int, duration_minutes: int | None = None) -> Operation[Done]:
    """Switch the agent off, for a time or until it is enabled. Scope: conversations:write."""
    path = _talk(conversation_id, "/agent/disable")
    return _send("POST", path, Done, {"duration_minutes": duration_minutes})


def enable_agent(conversation_id: int) -> Operation[Done]:
    """Switch the agent on. Scope: conversations:write."""
    return Operation("POST", _talk(conversation_id, "/agent/enable"), one(Done))


def get_suggestion(conversation_id: int) -> Operation[AiSuggestion]:
    """What the AI suggests to answer. Scope: conversations:read."""
    return Operation("GET", _talk(conversation_id, "/ai-suggestion"), one(AiSuggestion))


def put_suggestion(
    conversation_id: int, **fields: Unpack[SuggestionFields]
) -> Operation[AiSuggestion]:
    """Suggest an answer, as the AI's worker does. Scope: conversations:write."""
    return _send("PUT", _talk(conversation_id, "/ai-suggestion"), AiSuggestion, fields)


def dismiss_suggestion(conversation_id: int) -> Operation[Done]:
    """Drop what the AI suggests. Scope: conversations:write."""
    return Operation("DELETE", _talk(conversation_id, "/ai-suggestion"), one(Done))


def send_suggestion(
    conversation_id: int, *, idempotency_key: str = "", **fields: Unpack[SendingFields]
) -> Operation[SendResult]:
    """Send what the AI suggests, as it is or edited. Scope: conversations:write."""
    path = _talk(conversation_id, "/ai-suggestion/send")
    return _send("POST", path, SendResult, fields, idempotency_key)


def list_channels(**query: Unpack[ChannelQuery]) -> Operation[Page[Channel]]:
    """The channels of a business. Scope: channels:read."""
    return Operation("GET", "/v1/channels", page_of(Channel), _paged(query))


def get_channel(channel_id: int) -> Operation[Channel]:
    """One channel. Scope: channels:read."""
    return Operation("GET", f"/v1/channels/{channel_id:d}", one(Channel))


def list_blocks(**query: Unpack[BlockQuery]) -> Operation[Page[BlacklistEntry]]:
    """Who is, or was, blocked on which channel. Scope: channels:read."""
    return Operation("GET", "/v1/channel-blacklists", page_of(BlacklistEntry), _paged(query))


def create_block(
    *, idempotency_key: str = "", **fields: Unpack[NewBlockFields]
) -> Operation[BlacklistEntry]:
    """Block a customer on a channel. Scope: channels:write."""
    return _send("POST", "/v1/channel-blacklists", BlacklistEntry, fields, idempotency_key)


def get_block(block_id: int) -> Operation[BlacklistEntry]:
    """One block. Scope: channels:read."""
    return Operation("GET", f"/v1/channel-blacklists/{block_id:d}", one(BlacklistEntry))


def update_block(block_id: int, **fields: Unpack[BlockFields]) -> Operation[BlacklistEntry]:
    """Change what is given of a block; `is_active` false lifts it. Scope: channels:write."""
    return _send("PUT", f"/v1/channel-blacklists/{block_id:d}", BlacklistEntry, fields)


def data(body: Any) -> Any:
    """What is in the envelope, as it is."""
    if not isinstance(body, dict) or "data" not in body:
        raise UnexpectedAnswer("The answer has no data.")
    return body["data"]


def one(kind: type[T]) -> Callable[[Any], T]:
    """How to read one thing of this kind out of its envelope."""
    read_it = reader(kind)

    def read(body: Any) -> T:
        return read_it(data(body))

    return read


def _paged(query: Mapping[str, Any]) -> dict[str, str]:
    return as_query(**{"limit": PAGE_SIZE, **query})


def _note(customer_id: int, note_id: int) -> str:
    return f"/v1/customers/{customer_id:d}/notes/{note_id:d}"


def _talk(conversation_id: int, rest: str = "") -> str:
    return f"/v1/conversations/{conversation_id:d}{rest}"


def _message(conversation_id: int, message_id: int) -> str:
    return _talk(conversation_id, f"/messages/{message_id:d}")


def _send(
    method: str, path: str, kind: type[T], fields: Mapping[str, Any], idempotency_key: str = ""
) -> Operation[T]:
    """An operation with a body; dates and times become text."""
    body = {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in fields.items()
    }
    return Operation(method, path, one(kind), body=body, idempotency_key=idempotency_key)


def _upload(
    path: str, name: str, content: bytes, fields: Mapping[str, Any], idempotency_key: str
) -> Operation[File]:
    """An operation that sends a file and what goes with it."""
    upload = Upload(name, content, {field: str(value) for field, value in fields.items()})
    return Operation("POST", path, one(File), upload=upload, idempotency_key=idempotency_key)

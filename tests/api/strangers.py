"""Clinics that have a row of everything: ours, and that of strangers, whose texts are marked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from flextell.api.row import Row
from flextell.store.port import Unit
from flextell.store.tables import metadata
from flextell.tenants.blacklists import BlockTerms
from flextell.tenants.channels import ChannelWish
from flextell.tenants.files import Content, Fileable, NewFile
from flextell.tenants.messages import Draft
from flextell.tenants.model import CustomerDetails, TenantDetails
from flextell.tenants.suggestions import Draft as SuggestionDraft
from tests.api.desk import WEBHOOK
from tests.world import NOON

MARK = "Zyzzyva"
PHONE = "+905559990000"
MUCH_LATER = 2 * NOON
_numbers = count(1)
TABLES = [table for table in metadata.sorted_tables if "tenant_id" in table.columns]


@dataclass(frozen=True)
class Everything:
    """The ids of a clinic's things, by the word that stands before them in a path."""

    tenant_id: int
    ids: dict[str, int]

    def __getitem__(self, word: str) -> int:
        return self.ids[word]


def furnish_everything(unit: Unit, tenant_id: int, mark: str) -> Everything:
    """A row of everything in a tenant, each with this word in it."""
    person = unit.people.add(
        subject=f"sub-{mark}", email=f"{mark}@example.com", name=mark, password_hash="", now=NOON
    ).person_id
    unit.tenants.add_member(tenant_id, person, "owner")
    customer = unit.customers.add(tenant_id, CustomerDetails(mark, mark, PHONE), NOON)
    tag = unit.tags.add(tenant_id, mark, "#ffaa00", NOON)
    unit.customers.put_tag(tenant_id, customer, tag)
    channel = unit.channels.add(tenant_id, ChannelWish("whatsapp", mark, PHONE, WEBHOOK), NOON)
    talk = unit.conversations.add(tenant_id, channel, PHONE, customer, NOON)
    assert talk is not None
    message = unit.messages.add(tenant_id, talk, channel, Draft(mark, person), NOON)
    assert message is not None
    unit.suggestions.put(tenant_id, talk, SuggestionDraft(mark), message, NOON)
    unit.deliveries.add(tenant_id, channel, "message.sent", f'"{mark}"', MUCH_LATER)
    content = Content(f"{mark}-kept", 7, b"", "image/png")
    unit.files.expect(tenant_id, content.stored_as, NOON + 9)
    new = NewFile(mark, mark, "image", mark, Fileable("customer", customer), content, person)
    ids = {
        "users": person,
        "roles": 1,
        "customers": customer,
        "tags": tag,
        "notes": unit.notes.add(tenant_id, customer, person, mark, NOON),
        "files": unit.files.add(tenant_id, new, 0, NOON),
        "channels": channel,
        "conversations": talk,
        "messages": message,
        "channel-blacklists": unit.blacklists.add(
            tenant_id, channel, customer, BlockTerms("manual", mark), NOON
        ),
    }
    unit.files.expect(tenant_id, f"{mark}-loose", NOON + 9)
    return Everything(tenant_id, ids)


def furnish_strangers(unit: Unit) -> Everything:
    """The clinic of strangers."""
    tenant_id = unit.tenants.add(TenantDetails(f"{MARK} Clinic"), NOON)
    return furnish_everything(unit, tenant_id, MARK)


def rows_of(unit: Unit, tenant_id: int) -> dict[str, list[str]]:
    """All that is kept of a tenant, table by table."""
    transaction = unit._transaction  # type: ignore[attr-defined]
    return {
        table.name: sorted(
            map(
                repr,
                transaction.all(
                    f"SELECT * FROM {table.name} WHERE tenant_id = :tenant_id", tenant_id=tenant_id
                ),
            )
        )
        for table in TABLES
    }


def body_of(row: Row, of: Everything, number: int = 0) -> Any:
    """A body that the row takes, in which every id is that of a thing of this clinic."""
    channel, customer = of["channels"], of["customers"]
    number = number or next(_numbers)
    related = {"tag_ids": [of["tags"]], "user_id": of["users"], "default_channel_id": channel}
    bodies: dict[str, Any] = {
        "NewCustomer": {
            "first_name": "Linus",
            "last_name": "Pauling",
            "phone_number": "+1",
            **related,
        },
        "CustomerChanges": related,
        "NewNote": {"content": "Likes tea."},
        "NewTag": {"name": f"Regular {number}", "color": "#00ff00"},
        "NewUser": {
            "name": "Frank",
            "email": f"frank-{number}@example.com",
            "password": "correct horse battery",
            "password_confirmation": "correct horse battery",
        },
        "UserRoles": {"role_ids": []},
        "NewConversation": {"channel_id": channel, "address": f"@linus-{number}"},
        "NewMessage": {"message": "Hello", "quoted_message_id": of["messages"]},
        "MessageChanges": {"message": "Hello"},
        "NewSuggestion": {"original_text": "Hello", "trigger_chat_log_ids": [of["messages"]]},
        "SuggestionSending": {"send_source": "suggestion_as_is"},
        "NewBlock": {"channel_id": channel, "customer_id": customer, "reason": "manual"},
    }
    return bodies.get(row.body.__name__, {}) if row.body else None


def form_of(row: Row, of: Everything) -> dict[str, str] | None:
    """The fields of the row's form; every id is that of a thing of this clinic."""
    if row.form is None:
        return None
    named = {"fileable_type": "customer", "fileable_id": str(of["customers"])}
    return {"type": "other"} | (named if row.form.__name__ == "NewTenantFile" else {})


def mixed(row: Row, ours: Everything, theirs: Everything) -> Iterator[Everything]:
    """Our clinic with one thing of the strangers, once for each that body or form would name."""
    for word in ours.ids:
        one = replace(ours, ids=ours.ids | {word: theirs[word]})
        number = next(_numbers)
        bodies = [(body_of(row, each, number), form_of(row, each)) for each in (one, ours)]
        if bodies[0] != bodies[1]:
            yield one


def paths(row: Row, ours: Everything, theirs: Everything) -> Iterator[str]:
    """The paths of the row in which the last id is the strangers', and any before is too or not."""
    yield path_of(row, theirs, theirs)
    if row.path.count("{") > 1:
        yield path_of(row, ours, theirs)


def path_of(row: Row, first: Everything, last: Everything) -> str:
    """The path of the row with the first id of one clinic, and the last one of another."""
    parts = row.path.split("/")
    places = [number for number, part in enumerate(parts) if part.startswith("{")]
    for place in places:
        of = last if place == places[-1] else first
        parts[place] = str(of[parts[place - 1]])
    return "/api" + "/".join(parts)

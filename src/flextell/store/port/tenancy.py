"""What the store promises of tenants, their members, customers and files."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flextell.tenants.customers import CustomerQuery
from flextell.tenants.files import File, Fileable, FileQuery, NewFile
from flextell.tenants.lists import ListQuery
from flextell.tenants.members import Member, MemberQuery
from flextell.tenants.model import (
    Customer,
    CustomerDetails,
    Membership,
    PlaceKind,
    Tag,
    Tenant,
    TenantDetails,
)
from flextell.tenants.notes import Note
from flextell.tenants.paging import Found, Window


class Tenants(Protocol):
    """Businesses and who belongs to them."""

    def memberships(self, subject: str) -> tuple[Membership, ...] | None:
        """Where the person may act; None if nobody is named so or they are disabled.

        Those who were switched off or removed may not.
        """

    def of_person(self, subject: str, window: Window) -> Found[Tenant]:
        """The tenants the person belongs to, oldest first."""

    def add(self, details: TenantDetails, now: int) -> int:
        """Keep a new tenant; say its id."""

    def exists(self, tenant_id: int) -> bool:
        """Whether there is such a tenant."""

    def add_member(self, tenant_id: int, person_id: int, role: str) -> None:
        """Let a person belong to a tenant, or give a member these roles in place of others.

        `role` is one name, or several with spaces between. Whoever was switched off or removed
        is back.
        """

    def get(self, tenant_id: int) -> Tenant | None:
        """The tenant."""

    def put(self, tenant_id: int, details: TenantDetails, now: int) -> None:
        """Replace what the tenant says of itself."""

    def member(self, tenant_id: int, subject: str) -> int | None:
        """The id of the person, if they belong to the tenant."""

    def add_place(self, kind: PlaceKind, name: str) -> int:
        """Keep a place that tenants and customers can refer to; say its id."""

    def is_place(self, kind: PlaceKind, place_id: int) -> bool:
        """Whether there is such a place."""


class Members(Protocol):
    """Who belongs to a tenant. No verb reaches beyond the tenant it is given."""

    def hold(self, tenant_id: int) -> None:
        """Let no other unit that holds this tenant's members pass until this one ends."""

    def get(self, tenant_id: int, person_id: int) -> Member | None:
        """The member, unless there is none in this tenant or they were removed."""

    def find(self, tenant_id: int, query: MemberQuery) -> Found[Member]:
        """The part of the list that was asked for. Rows of equal sort value go by id."""

    def owners(self, tenant_id: int) -> frozenset[int]:
        """The persons who are owners and may act."""

    def put(self, member: Member, now: int) -> None:
        """Keep what a tenant says of a member, a new one or in place of what it said before.

        Who the person is (name, address) is not kept here: see `People.rename`.
        """


class Customers(Protocol):
    """Customers and their tags. No verb reaches beyond the tenant it is given."""

    def get(self, tenant_id: int, customer_id: int) -> Customer | None:
        """The customer, unless there is none in this tenant or it was deleted."""

    def find(self, tenant_id: int, query: CustomerQuery) -> Found[Customer]:
        """The part of the list that was asked for. Rows of equal sort value go by id."""

    def add(self, tenant_id: int, details: CustomerDetails, now: int) -> int:
        """Keep a new customer; say its id.

        Raises OutsideTenant if the person who looks after them is no member.
        """

    def delete(self, tenant_id: int, customer_id: int, now: int) -> bool:
        """Hide the customer, but from those who ask for deleted ones. False if there is none."""

    def put(self, customer: Customer, now: int) -> None:
        """Replace the details of a customer who is there.

        Raises OutsideTenant if somebody else is to look after them who is no member.
        """

    def by_phone_number(self, tenant_id: int, phone_number: str) -> int | None:
        """The oldest customer with exactly this number; None if nobody has it."""

    def restore(self, tenant_id: int, customer_id: int, now: int) -> bool:
        """Show a deleted customer again. False if there is none that was deleted."""

    def put_tag(self, tenant_id: int, customer_id: int, tag_id: int) -> None:
        """Put a tag on a customer; twice is once. Raises OutsideTenant if one is not theirs."""

    def take_tag(self, tenant_id: int, customer_id: int, tag_id: int) -> None:
        """Take a tag off a customer, if it is there."""

    def set_tags(self, tenant_id: int, customer_id: int, tag_ids: Collection[int]) -> None:
        """Let a customer have these tags and no others, not even deleted ones that may come back.

        Raises OutsideTenant as `put_tag` does.
        """


class Tags(Protocol):
    """Tags. No verb reaches beyond the tenant it is given; a living name is there once."""

    def find(self, tenant_id: int, query: ListQuery) -> Found[Tag]:
        """The part of the list that was asked for."""

    def get(self, tenant_id: int, tag_id: int, *, trashed: bool = False) -> Tag | None:
        """The tag, unless there is none in this tenant; a deleted one only if asked for."""

    def add(self, tenant_id: int, name: str, color: str, now: int) -> int:
        """Keep a new tag; say its id.

        Atomic: of several with one name, all but the first raise NameTaken.
        """

    def change(self, tenant_id: int, tag_id: int, changes: Mapping[str, Any], now: int) -> None:
        """Change `name` or `color`. Raises NameTaken."""

    def delete(self, tenant_id: int, tag_id: int, now: int) -> bool:
        """Hide the tag, also from the customers who have it. False if there is none."""

    def restore(self, tenant_id: int, tag_id: int, now: int) -> bool:
        """Show a deleted tag again. False if there is none that was deleted. Raises NameTaken."""


class Notes(Protocol):
    """Notes about customers. No verb reaches beyond the tenant and the customer it is given."""

    def find(self, tenant_id: int, customer_id: int, query: ListQuery) -> Found[Note]:
        """The part of the list that was asked for."""

    def get(
        self, tenant_id: int, customer_id: int, note_id: int, *, trashed: bool = False
    ) -> Note | None:
        """The note, unless there is none; a deleted one only if asked for."""

    def add(self, tenant_id: int, customer_id: int, person_id: int, content: str, now: int) -> int:
        """Keep a new note; say its id.

        Raises OutsideTenant unless it is about a customer of this tenant, and a member's.
        """

    def put(self, tenant_id: int, note: Note, now: int) -> None:
        """Replace content and author of a note that is there."""

    def delete(self, tenant_id: int, customer_id: int, note_id: int, now: int) -> bool:
        """Hide the note. False if there is none."""

    def restore(self, tenant_id: int, customer_id: int, note_id: int, now: int) -> bool:
        """Show a deleted note again. False if there is none that was deleted."""


@dataclass(frozen=True, slots=True)
class LooseContent:
    """Bytes that no file names, or that of a deleted one."""

    tenant_id: int
    stored_as: str


class Files(Protocol):
    """What is known of files, and which of their bytes are to go.

    Bytes are in another place and are never there unknown: they are expected before they are put
    there, and forgotten after they are gone. `due` is a sweep's; no other verb reaches beyond the
    tenant it is given.
    """

    def expect(self, tenant_id: int, stored_as: str, remove_at: int) -> None:
        """Bytes are about to come under this name, and are to go at that time if no file is added
        with them."""

    def add(self, tenant_id: int, new: NewFile, most_bytes: int, now: int) -> int:
        """Keep a new file with bytes that were expected; say its id.

        Raises NoRoom if the tenant's bytes would be more than `most_bytes`; 0: as many as it likes.
        Atomic: of any number of units that add, those go in for whom there is room.
        """

    def get(self, tenant_id: int, file_id: int) -> File | None:
        """The file, unless there is none in this tenant or it was deleted."""

    def several(self, tenant_id: int, file_ids: Collection[int]) -> dict[int, File]:
        """Those of these files that the tenant has and that were not deleted, by id."""

    def find(self, tenant_id: int, query: FileQuery) -> Found[File]:
        """The part of the list that was asked for. Rows of equal sort value go by id."""

    def grouped(self, tenant_id: int, fileable: Fileable, window: Window) -> Found[File]:
        """The files of something, group by group; a part may end amid a group."""

    def delete(self, tenant_id: int, file_id: int, now: int, remove_at: int) -> bool:
        """Hide the file, but from those who ask for deleted ones; its bytes are to go later, and
        take room until then. False if there is none."""

    def due(self, now: int, most: int) -> list[LooseContent]:
        """Bytes that are to be gone by now, the oldest first, of every tenant."""

    def forget(self, content: LooseContent) -> None:
        """The bytes are gone: nothing names them any more, and they take no room."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """How a request was answered: what it asked, the status, `Location`, and the body."""

    fingerprint: bytes
    status: int
    location: str | None
    body: bytes


class KeptAnswers(Protocol):
    """Answers to requests that carried an Idempotency-Key."""

    def claim(
        self, name: bytes, fingerprint: bytes, now: int, expires_at: int
    ) -> KeptAnswer | None:
        """None if this unit is the first with the name, and is to `keep` the answer; else that.

        Atomic: of any number of units with one name, one is first, and the others wait for it.
        """

    def keep(self, name: bytes, status: int, location: str | None, body: bytes) -> None:
        """Keep the answer, in the unit that claimed the name."""

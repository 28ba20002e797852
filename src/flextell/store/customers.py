"""Customers and their tags, kept. Every statement here names the tenant."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict

from flextell.store import listing, trash
from flextell.store.listing import Column, Listing, Part
from flextell.store.searching import SearchTable
from flextell.store.statement import Statement
from flextell.store.transaction import Row, Transaction, array
from flextell.tenants.customers import (
    NULLABLE,
    SORT_KEYS,
    CustomerQuery,
    search_text,
)
from flextell.tenants.model import Customer, CustomerDetails, Named, OutsideTenant, Tag
from flextell.tenants.paging import Found, Value

# In the order of the fields of CustomerDetails.
_DETAILS = (
    "first_name, last_name, phone_number, email, date_of_birth, gender, country_id, "
    "identity_number, job, address, default_channel_id, avatar_url, person_id"
)
_SHOWN = (
    "c.customer_id, c.created_at, c.updated_at, c.deleted_at, country.name, p.name, "
    f"{', '.join('c.' + name for name in _DETAILS.split(', '))}"
)
_JOINS = (
    "LEFT JOIN places country ON country.place_id = c.country_id "
    "LEFT JOIN people p ON p.person_id = c.person_id"
)

_GET = Statement(
    f"SELECT {_SHOWN} FROM customers c {_JOINS} WHERE c.tenant_id = :tenant_id "
    "AND c.customer_id = :customer_id AND c.deleted_at IS NULL",
    {"tenant_id": "bigint", "customer_id": "bigint"},
)
_TAGS = """
SELECT ct.customer_id, t.tag_id, t.tenant_id, t.name, t.color, t.created_at, t.updated_at
FROM customer_tags ct JOIN tags t ON t.tag_id = ct.tag_id
WHERE t.tenant_id = :tenant_id AND t.deleted_at IS NULL AND ct.customer_id"""
_TAGS_OF_ONE = Statement(
    f"{_TAGS} = :customer_id ORDER BY t.name, t.tag_id",
    {"tenant_id": "bigint", "customer_id": "bigint"},
)
_TAGS_OF_EACH = Statement(
    f"{_TAGS} IN each(:customer_ids) ORDER BY t.name, t.tag_id",
    {"tenant_id": "bigint", "customer_ids": "text"},
)

_LIST = Listing(
    source="customers c",
    within="c.tenant_id = :tenant_id",
    row_id="c.customer_id",
    columns=_SHOWN,
    joins=_JOINS,
    living="c.deleted_at IS NULL",
    sorts={key: Column(f"c.{key}", nullable=key in NULLABLE) for key in SORT_KEYS},
    filters={
        "gender": "c.gender = :gender",
        "born_from": "c.date_of_birth >= :born_from",
        "born_before": "c.date_of_birth < :born_before",
    },
    searched=SearchTable("customer_search", "customer_id"),
)


def _part(query: CustomerQuery) -> Part:
    asked = query.filters
    filters: dict[str, Value] = {
        "gender": asked.gender,
        "born_from": asked.born_from,
        "born_before": asked.born_before,
    }
    return Part(
        query.sort.key, query.sort.order, query.window, filters, asked.trashed, asked.search
    )


class SqlCustomers:
    """`port.Customers` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, tenant_id: int, customer_id: int) -> Customer | None:
        values = {"tenant_id": tenant_id, "customer_id": customer_id}
        found, tags = self._sql.several((_GET, values), (_TAGS_OF_ONE, values))
        if not found:
            return None
        return _customer(tenant_id, found[0], tuple(Tag(*tag[1:]) for tag in tags))

    def find(self, tenant_id: int, query: CustomerQuery) -> Found[Customer]:
        found = listing.find(self._sql, _LIST, _part(query), tenant_id=tenant_id)
        return Found(self._customers(tenant_id, found.rows), found.next, found.total)

    def add(self, tenant_id: int, details: CustomerDetails, now: int) -> int:
        self._demand_member(tenant_id, details)
        [(customer_id,)] = self._sql.all(
            f"INSERT INTO customers (tenant_id, {_DETAILS}, search_text, created_at, updated_at) "
            f"VALUES (:tenant_id, :{_DETAILS.replace(', ', ', :')}, :search_text, :now, :now) "
            "RETURNING customer_id",
            tenant_id=tenant_id,
            **asdict(details),
            search_text=_searched(details),
            now=now,
        )
        return int(customer_id)

    def delete(self, tenant_id: int, customer_id: int, now: int) -> bool:
        return trash.hide(self._sql, "customers", now, tenant_id=tenant_id, customer_id=customer_id)

    def put(self, customer: Customer, now: int) -> None:
        details = customer.details
        self._demand_member(customer.tenant_id, details, customer.customer_id)
        assigned = ", ".join(f"{name} = :{name}" for name in _DETAILS.split(", "))
        self._sql.run(
            f"UPDATE customers SET {assigned}, search_text = :search_text, updated_at = :now "
            "WHERE tenant_id = :tenant_id AND customer_id = :customer_id",
            tenant_id=customer.tenant_id,
            customer_id=customer.customer_id,
            **asdict(details),
            search_text=_searched(details),
            now=now,
        )

    def by_phone_number(self, tenant_id: int, phone_number: str) -> int | None:
        row = self._sql.one(
            "SELECT customer_id FROM customers WHERE tenant_id = :tenant_id "
            "AND phone_number = :phone_number AND deleted_at IS NULL ORDER BY customer_id LIMIT 1",
            tenant_id=tenant_id,
            phone_number=phone_number,
        )
        return None if row is None else int(row[0])

    def restore(self, tenant_id: int, customer_id: int, now: int) -> bool:
        return trash.show(self._sql, "customers", now, tenant_id=tenant_id, customer_id=customer_id)

    def set_tags(self, tenant_id: int, customer_id: int, tag_ids: Collection[int]) -> None:
        rows = self._sql.all(
            "SELECT t.tag_id, t.deleted_at FROM customer_tags ct JOIN tags t "
            "ON t.tag_id = ct.tag_id WHERE t.tenant_id = :tenant_id "
            "AND ct.customer_id = :customer_id",
            tenant_id=tenant_id,
            customer_id=customer_id,
        )
        # A deleted tag that is not among them must not come back when it is restored.
        for tag_id in sorted({tag_id for tag_id, _ in rows} - set(tag_ids)):
            self.take_tag(tenant_id, customer_id, tag_id)
        shown = {tag_id for tag_id, deleted_at in rows if deleted_at is None}
        for tag_id in sorted(set(tag_ids) - shown):
            self.put_tag(tenant_id, customer_id, tag_id)

    def take_tag(self, tenant_id: int, customer_id: int, tag_id: int) -> None:
        self._sql.run(
            "DELETE FROM customer_tags WHERE customer_id = :customer_id AND tag_id = :tag_id "
            "AND customer_id IN (SELECT customer_id FROM customers WHERE tenant_id = :tenant_id)",
            tenant_id=tenant_id,
            customer_id=customer_id,
            tag_id=tag_id,
        )

    def put_tag(self, tenant_id: int, customer_id: int, tag_id: int) -> None:
        theirs = self._sql.one(
            "SELECT 1 FROM customers c JOIN tags t ON t.tenant_id = c.tenant_id "
            "WHERE c.tenant_id = :tenant_id AND c.customer_id = :customer_id "
            "AND t.tag_id = :tag_id AND t.deleted_at IS NULL",
            tenant_id=tenant_id,
            customer_id=customer_id,
            tag_id=tag_id,
        )
        if theirs is None:
            raise OutsideTenant
        self._sql.run(
            "INSERT INTO customer_tags (customer_id, tag_id) VALUES (:customer_id, :tag_id) "
            "ON CONFLICT DO NOTHING",
            customer_id=customer_id,
            tag_id=tag_id,
        )

    def _demand_member(
        self, tenant_id: int, details: CustomerDetails, customer_id: int = 0
    ) -> None:
        """Raises OutsideTenant unless who looks after the customer is a member, or does already."""
        if details.person_id is None:
            return
        row = self._sql.one(
            "SELECT 1 FROM memberships "
            "WHERE tenant_id = :tenant_id AND person_id = :person_id AND deleted_at IS NULL "
            "UNION ALL SELECT 1 FROM customers WHERE tenant_id = :tenant_id "
            "AND customer_id = :customer_id AND person_id = :person_id",
            tenant_id=tenant_id,
            person_id=details.person_id,
            customer_id=customer_id,
        )
        if row is None:
            raise OutsideTenant

    def _customers(self, tenant_id: int, rows: Sequence[Row]) -> tuple[Customer, ...]:
        tags = self._tags(tenant_id, [row[0] for row in rows]) if rows else {}
        return tuple(_customer(tenant_id, row, tuple(tags.get(row[0], ()))) for row in rows)

    def _tags(self, tenant_id: int, customer_ids: Sequence[int]) -> dict[int, list[Tag]]:
        tags, known = defaultdict(list), dict[int, Tag]()
        for customer_id, tag_id, *rest in self._sql.all(
            _TAGS_OF_EACH, tenant_id=tenant_id, customer_ids=array(customer_ids)
        ):
            if tag_id not in known:  # many customers have few tags
                known[tag_id] = Tag(tag_id, *rest)
            tags[customer_id].append(known[tag_id])
        return tags


def _customer(tenant_id: int, row: Row, tags: tuple[Tag, ...]) -> Customer:
    customer_id, created_at, updated_at, deleted_at, country, person, *known = row
    details = CustomerDetails(*known)
    related = None
    if details.person_id is not None and person is not None:
        related = Named(details.person_id, person)
    # By position: a page of a list has fifty.
    return Customer(
        customer_id, tenant_id, details, country, related, tags, created_at, updated_at, deleted_at
    )


def _searched(details: CustomerDetails) -> str:
    return search_text(details.first_name, details.last_name, details.phone_number, details.email)

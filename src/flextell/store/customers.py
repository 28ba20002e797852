"""Customers and their tags, kept. Every statement here names the tenant.

The list query is put together as text from the fixed pieces below: SQLAlchemy builds and
compiles the same statement in 340 microseconds, more than everything else an answer takes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flextell.store.statement import Statement
from flextell.store.transaction import Row, Transaction
from flextell.tenants.customers import (
    NULLABLE,
    CustomerFilters,
    CustomerQuery,
    CustomerSort,
    search_text,
    sort_value,
)
from flextell.tenants.model import Customer, CustomerDetails, Named, OutsideTenant, Tag
from flextell.tenants.paging import After, Found

# In the order of the fields of CustomerDetails.
_DETAILS = (
    "first_name, last_name, phone_number, email, date_of_birth, gender, country_id, "
    "identity_number, job, address, default_channel_id, avatar_url, person_id"
)
_CUSTOMERS = f"""
SELECT c.customer_id, c.created_at, c.updated_at, c.deleted_at, country.name, p.name,
       {", ".join("c." + name for name in _DETAILS.split(", "))}
FROM customers c
LEFT JOIN places country ON country.place_id = c.country_id
LEFT JOIN people p ON p.person_id = c.person_id
WHERE c.tenant_id = :tenant_id"""

_GET = Statement(
    f"{_CUSTOMERS} AND c.customer_id = :customer_id AND c.deleted_at IS NULL",
    {"tenant_id": "bigint", "customer_id": "bigint"},
)
_TAGS = """
SELECT ct.customer_id, t.tag_id, t.tenant_id, t.name, t.color, t.created_at, t.updated_at
FROM customer_tags ct JOIN tags t ON t.tag_id = ct.tag_id
WHERE t.tenant_id = :tenant_id AND t.deleted_at IS NULL AND ct.customer_id """
_TAGS_OF_ONE = Statement(
    f"{_TAGS} = :customer_id ORDER BY t.name, t.tag_id",
    {"tenant_id": "bigint", "customer_id": "bigint"},
)

_FILTERS = {
    "search": "c.search_text LIKE :search ESCAPE '!'",
    "gender": "c.gender = :gender",
    "born_from": "c.date_of_birth >= :born_from",
    "born_before": "c.date_of_birth < :born_before",
}

Values = dict[str, Any]


def _filtered(filters: CustomerFilters) -> tuple[str, Values]:
    """The conditions of these filters, and their values."""
    values = {name: getattr(filters, name) for name in _FILTERS}
    values = {name: value for name, value in values.items() if value is not None}
    conditions = [_FILTERS[name] for name in values]
    if not filters.trashed:
        conditions.append("c.deleted_at IS NULL")
    if filters.search is not None:
        values["search"] = _containing(filters.search)
    return "".join(f" AND {condition}" for condition in conditions), values


def _containing(text: str) -> str:
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"


def _after(sort: CustomerSort, after: After | None) -> tuple[str, Values]:
    """The condition that leaves the rows behind the last one seen. Nulls are the last of all."""
    if after is None:
        return "", {}
    column, beyond = f"c.{sort.key}", ">" if sort.order == "asc" else "<"
    if after.value is None:
        return (
            f" AND {column} IS NULL AND c.customer_id {beyond} :row_id",
            {"row_id": after.row_id},
        )
    condition = f"({column}, c.customer_id) {beyond} (:value, :row_id)"
    if sort.key in NULLABLE:
        condition = f"({condition} OR {column} IS NULL)"
    return f" AND {condition}", {"value": after.value, "row_id": after.row_id}


def _ordered(sort: CustomerSort) -> str:
    direction = "ASC" if sort.order == "asc" else "DESC"
    nulls = " NULLS LAST" if sort.key in NULLABLE else ""
    return f" ORDER BY c.{sort.key} {direction}{nulls}, c.customer_id {direction}"


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
        where, values = _filtered(query.filters)
        behind, position = _after(query.sort, query.window.after)
        rows = self._sql.all(
            f"{_CUSTOMERS}{where}{behind}{_ordered(query.sort)} LIMIT :size OFFSET :offset",
            tenant_id=tenant_id,
            size=query.window.size + 1,
            offset=query.window.offset,
            **values,
            **position,
        )
        [(total,)] = self._sql.all(
            f"SELECT count(*) FROM customers c WHERE c.tenant_id = :tenant_id{where}",
            tenant_id=tenant_id,
            **values,
        )
        shown = self._customers(tenant_id, rows[: query.window.size])
        following = None
        if len(rows) > query.window.size:
            last = shown[-1]
            following = After(sort_value(last, query.sort.key), last.customer_id)
        return Found(shown, following, total)

    def add(self, tenant_id: int, details: CustomerDetails, now: int) -> int:
        if details.person_id is not None and not self._is_member(tenant_id, details.person_id):
            raise OutsideTenant
        [(customer_id,)] = self._sql.all(
            f"INSERT INTO customers (tenant_id, {_DETAILS}, search_text, created_at, updated_at) "
            f"VALUES (:tenant_id, :{_DETAILS.replace(', ', ', :')}, :search_text, :now, :now) "
            "RETURNING customer_id",
            tenant_id=tenant_id,
            **asdict(details),
            search_text=search_text(
                details.first_name, details.last_name, details.phone_number, details.email
            ),
            now=now,
        )
        return int(customer_id)

    def delete(self, tenant_id: int, customer_id: int, now: int) -> bool:
        changed = self._sql.run(
            "UPDATE customers SET deleted_at = :now, updated_at = :now "
            "WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND deleted_at IS NULL",
            tenant_id=tenant_id,
            customer_id=customer_id,
            now=now,
        )
        return changed == 1

    def add_tag(self, tenant_id: int, name: str, color: str, now: int) -> int:
        [(tag_id,)] = self._sql.all(
            "INSERT INTO tags (tenant_id, name, color, created_at, updated_at) "
            "VALUES (:tenant_id, :name, :color, :now, :now) RETURNING tag_id",
            tenant_id=tenant_id,
            name=name,
            color=color,
            now=now,
        )
        return int(tag_id)

    def put_tag(self, tenant_id: int, customer_id: int, tag_id: int) -> None:
        theirs = self._sql.one(
            "SELECT 1 FROM customers c JOIN tags t ON t.tenant_id = c.tenant_id "
            "WHERE c.tenant_id = :tenant_id AND c.customer_id = :customer_id "
            "AND t.tag_id = :tag_id",
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

    def _is_member(self, tenant_id: int, person_id: int) -> bool:
        row = self._sql.one(
            "SELECT 1 FROM memberships WHERE tenant_id = :tenant_id AND person_id = :person_id",
            tenant_id=tenant_id,
            person_id=person_id,
        )
        return row is not None

    def _customers(self, tenant_id: int, rows: Sequence[Row]) -> tuple[Customer, ...]:
        tags = self._tags(tenant_id, [row[0] for row in rows]) if rows else {}
        return tuple(_customer(tenant_id, row, tuple(tags.get(row[0], ()))) for row in rows)

    def _tags(self, tenant_id: int, customer_ids: Sequence[int]) -> dict[int, list[Tag]]:
        values = {f"id{i}": customer_id for i, customer_id in enumerate(customer_ids)}
        tags = defaultdict(list)
        for customer_id, *tag in self._sql.all(
            f"{_TAGS} IN (:{', :'.join(values)}) ORDER BY t.name, t.tag_id",
            tenant_id=tenant_id,
            **values,
        ):
            tags[customer_id].append(Tag(*tag))
        return tags


def _customer(tenant_id: int, row: Row, tags: tuple[Tag, ...]) -> Customer:
    details = CustomerDetails(*row[6:])
    related = None
    if details.person_id is not None and row[5] is not None:
        related = Named(details.person_id, row[5])
    return Customer(
        customer_id=row[0],
        tenant_id=tenant_id,
        details=details,
        country_name=row[4],
        related_user=related,
        tags=tags,
        created_at=row[1],
        updated_at=row[2],
        deleted_at=row[3],
    )

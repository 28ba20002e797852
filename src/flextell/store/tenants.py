"""Tenants and who belongs to them, kept."""

from dataclasses import asdict
from typing import Literal

import orjson

from flextell.store.statement import Statement
from flextell.store.transaction import Row, Transaction
from flextell.tenants.model import Membership, Named, Tenant, TenantDetails, WorkHours
from flextell.tenants.paging import After, Found, Window

_TENANTS = """
SELECT t.tenant_id, t.created_at, t.updated_at, country.name, city.name, district.name,
       t.name, t.avatar_url, t.phone_number, t.address, t.latitude, t.longitude,
       t.services, t.knowledge_base, t.work_hours, t.country_id, t.city_id, t.district_id
FROM memberships m
JOIN people p ON p.person_id = m.person_id
JOIN tenants t ON t.tenant_id = m.tenant_id
LEFT JOIN places country ON country.place_id = t.country_id
LEFT JOIN places city ON city.place_id = t.city_id
LEFT JOIN places district ON district.place_id = t.district_id
WHERE p.subject = :subject AND p.disabled_at IS NULL
  AND t.tenant_id > :after ORDER BY t.tenant_id LIMIT :size OFFSET :offset
"""
_MEMBERSHIPS = Statement(
    "SELECT m.tenant_id, m.role FROM people p "
    "LEFT JOIN memberships m ON m.person_id = p.person_id "
    "WHERE p.subject = :subject AND p.disabled_at IS NULL ORDER BY m.tenant_id",
    {"subject": "text"},
)


def _named(place_id: int | None, name: str | None) -> Named | None:
    return None if place_id is None or name is None else Named(place_id, name)


def _tenant(row: Row) -> Tenant:
    services, knowledge_base, work_hours = map(orjson.loads, row[12:15])
    lists = (tuple(services), tuple(knowledge_base), tuple(WorkHours(**day) for day in work_hours))
    details: Row = (*row[6:12], *lists, *row[15:])
    return Tenant(
        tenant_id=row[0],
        details=TenantDetails(*details),
        country=_named(row[15], row[3]),
        city=_named(row[16], row[4]),
        district=_named(row[17], row[5]),
        created_at=row[1],
        updated_at=row[2],
    )


class SqlTenants:
    """`port.Tenants` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def memberships(self, subject: str) -> tuple[Membership, ...] | None:
        rows = self._sql.all(_MEMBERSHIPS, subject=subject)
        if not rows:
            return None
        return tuple(Membership(*row) for row in rows if row[0] is not None)

    def of_person(self, subject: str, window: Window) -> Found[Tenant]:
        rows = self._sql.all(
            _TENANTS,
            subject=subject,
            after=window.after.row_id if window.after else 0,
            size=window.size + 1,
            offset=window.offset,
        )
        shown = tuple(_tenant(row) for row in rows[: window.size])
        more = len(rows) > window.size
        return Found(
            rows=shown,
            next=After(None, shown[-1].tenant_id) if more else None,
            total=len(self.memberships(subject) or ()),
        )

    def add(self, details: TenantDetails, now: int) -> int:
        values = asdict(details) | {
            name: orjson.dumps(getattr(details, name)).decode()
            for name in ("services", "knowledge_base", "work_hours")
        }
        names = ", ".join(values)
        [(tenant_id,)] = self._sql.all(
            f"INSERT INTO tenants ({names}, created_at, updated_at) "
            f"VALUES (:{names.replace(', ', ', :')}, :now, :now) RETURNING tenant_id",
            **values,
            now=now,
        )
        return int(tenant_id)

    def exists(self, tenant_id: int) -> bool:
        row = self._sql.one("SELECT 1 FROM tenants WHERE tenant_id = :id", id=tenant_id)
        return row is not None

    def has_member(self, tenant_id: int, person_id: int) -> bool:
        row = self._sql.one(
            "SELECT 1 FROM memberships WHERE tenant_id = :tenant_id AND person_id = :person_id",
            tenant_id=tenant_id,
            person_id=person_id,
        )
        return row is not None

    def add_member(self, tenant_id: int, person_id: int, role: str) -> None:
        self._sql.run(
            "INSERT INTO memberships (tenant_id, person_id, role) "
            "VALUES (:tenant_id, :person_id, :role) "
            "ON CONFLICT (tenant_id, person_id) DO UPDATE SET role = excluded.role",
            tenant_id=tenant_id,
            person_id=person_id,
            role=role,
        )

    def add_place(self, kind: Literal["country", "city", "district"], name: str) -> int:
        [(place_id,)] = self._sql.all(
            "INSERT INTO places (kind, name) VALUES (:kind, :name) RETURNING place_id",
            kind=kind,
            name=name,
        )
        return int(place_id)

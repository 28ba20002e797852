"""Who belongs to a tenant, kept. Every statement here names the tenant."""

from dataclasses import asdict
from typing import Any

import orjson

from flextell.store import listing
from flextell.store.listing import Column, Listing, Part
from flextell.store.searching import containing
from flextell.store.transaction import Row, Transaction
from flextell.tenants.access import OWNER
from flextell.tenants.members import (
    MEMBER_SORT_KEYS,
    NULLABLE,
    Member,
    MemberQuery,
    Profile,
    search_text,
)
from flextell.tenants.paging import Found, Value

# In the order of the fields of Profile.
_PROFILE = (
    "title, phone, emergency_contact_name, emergency_contact_surname, "
    "emergency_contact_phone_number, blood_group, language, avatar_url, bio"
)
_SHOWN = (
    "u.tenant_id, u.person_id, u.name, u.email, u.role, u.inactive_at, u.managed_by, "
    "u.created_at, u.updated_at, u.deleted_at, u.last_login_at, u.last_login_ip, "
    + ", ".join("u." + name for name in _PROFILE.split(", "))
)
# Those who joined before this was kept joined when their account was made, and are found by what
# the database calls lower case.
_MEMBERS = f"""(
SELECT m.tenant_id, m.person_id, p.name, p.email, m.role, m.inactive_at, p.managed_by,
       COALESCE(m.created_at, p.created_at) AS created_at,
       COALESCE(m.updated_at, m.created_at, p.created_at) AS updated_at,
       m.deleted_at, p.last_login_at, p.last_login_ip,
       COALESCE(m.search_text, lower(p.name || ' ' || p.email)) AS search_text,
       {", ".join("m." + name for name in _PROFILE.split(", "))}
FROM memberships m JOIN people p ON p.person_id = m.person_id
WHERE m.tenant_id = :tenant_id) AS u"""

# A tenant's members are few, and what they are sorted by is kept with the person: no index serves
# this but that of the tenant.
_LIST = Listing(
    source=_MEMBERS,
    within="u.tenant_id = :tenant_id",
    row_id="u.person_id",
    columns=_SHOWN,
    living="u.deleted_at IS NULL",
    sorts={key: Column(f"u.{key}", nullable=key in NULLABLE) for key in MEMBER_SORT_KEYS},
    filters={
        "search": "u.search_text LIKE :search ESCAPE '!'",
        "active": "(CASE WHEN u.inactive_at IS NULL THEN 1 ELSE 0 END) = :active",
        "role": "' ' || u.role || ' ' LIKE :role ESCAPE '!'",
    },
)


class SqlMembers:
    """`port.Members` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def hold(self, tenant_id: int) -> None:
        self._sql.one(
            "SELECT 1 FROM tenants WHERE tenant_id = :tenant_id FOR NO KEY UPDATE",
            tenant_id=tenant_id,
        )

    def get(self, tenant_id: int, person_id: int) -> Member | None:
        row = self._sql.one(
            f"SELECT {_SHOWN} FROM {_MEMBERS} "
            "WHERE u.person_id = :person_id AND u.deleted_at IS NULL",
            tenant_id=tenant_id,
            person_id=person_id,
        )
        return _member(row) if row else None

    def find(self, tenant_id: int, query: MemberQuery) -> Found[Member]:
        found = listing.find(self._sql, _LIST, _part(query), tenant_id=tenant_id)
        return Found(tuple(_member(row) for row in found.rows), found.next, found.total)

    def owners(self, tenant_id: int) -> frozenset[int]:
        rows = self._sql.all(
            "SELECT m.person_id FROM memberships m JOIN people p ON p.person_id = m.person_id "
            "WHERE m.tenant_id = :tenant_id AND ' ' || m.role || ' ' LIKE :role "
            "AND m.inactive_at IS NULL AND m.deleted_at IS NULL AND p.disabled_at IS NULL",
            tenant_id=tenant_id,
            role=f"% {OWNER} %",
        )
        return frozenset(row[0] for row in rows)

    def put(self, member: Member, now: int) -> None:
        kept = _kept(member, now)
        names = ", ".join(kept)
        self._sql.run(
            f"INSERT INTO memberships (tenant_id, person_id, created_at, {names}) "
            f"VALUES (:tenant_id, :person_id, :now, :{names.replace(', ', ', :')}) "
            "ON CONFLICT (tenant_id, person_id) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in kept),
            tenant_id=member.tenant_id,
            person_id=member.person_id,
            now=now,
            **kept,
        )


def _part(query: MemberQuery) -> Part:
    asked = query.filters
    filters: dict[str, Value] = {
        "search": None if asked.search is None else containing(asked.search),
        "active": None if asked.is_active is None else int(asked.is_active),
        "role": None if asked.role is None else containing(f" {asked.role} "),
    }
    return Part(query.sort, query.order, query.window, filters, asked.trashed)


def _kept(member: Member, now: int) -> dict[str, Any]:
    """The columns that say what a member is."""
    profile = asdict(member.profile)
    return profile | {
        "language": orjson.dumps(profile["language"]).decode(),
        "role": " ".join(sorted(member.roles)),
        "search_text": search_text(member.name, member.email, member.profile.phone),
        "inactive_at": member.inactive_at,
        "updated_at": now,
        "deleted_at": member.deleted_at,
    }


def _member(row: Row) -> Member:
    languages = tuple(orjson.loads(row[18] or "[]"))
    profile: Row = (*row[12:18], languages, *row[19:])
    return Member(
        tenant_id=row[0],
        person_id=row[1],
        name=row[2],
        email=row[3],
        profile=Profile(*profile),
        roles=frozenset(row[4].split()),
        inactive_at=row[5],
        ours_alone=row[6] == row[0],
        created_at=row[7],
        updated_at=row[8],
        deleted_at=row[9],
        last_login_at=row[10],
        last_login_ip=row[11],
    )

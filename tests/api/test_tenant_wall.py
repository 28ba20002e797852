"""No request leaves its tenant: each endpoint is tried across the wall, and closes it (§e 17)."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx2
import pytest
from httpx2 import Response

from flextell.api.asked import Asked
from flextell.api.build import build_api
from flextell.api.caller import Caller
from flextell.api.routes import TABLE
from flextell.api.row import Row
from flextell.oauth.scopes import CATALOGUE
from flextell.store.port import Unit
from flextell.store.statement import Statement
from flextell.store.unit import SqlUnit
from tests.api.conftest import Clinic, running_clinic
from tests.api.desk import new_phone, open_desk
from tests.api.strangers import (
    MARK,
    Everything,
    body_of,
    form_of,
    furnish_everything,
    furnish_strangers,
    mixed,
    path_of,
    paths,
    rows_of,
)
from tests.postgres import fresh_database
from tests.world import ISSUER

pytestmark = pytest.mark.anyio

EVERY = " ".join(sorted(CATALOGUE))
SEEN = Statement(
    "SELECT current_setting('flextell.tenants', true) AS seen WHERE :nothing = 0",
    {"nothing": "bigint"},
)
EVERYBODYS = "/v1/roles/"
"""Roles are the same for all."""

every_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")


@dataclass(frozen=True)
class Neighbours:
    """The Bosphorus Clinic, in which Alice acts, and the strangers next door."""

    clinic: Clinic
    ours: Everything
    theirs: Everything
    seen: list[set[int]]
    """What each endpoint that ran could see, in PostgreSQL."""

    async def ask(self, row: Row, path: str, body_names: Everything) -> Response:
        """Call a row as Alice, who has every right in her clinic."""
        headers = {"authorization": f"Bearer {self.clinic.token(scope=EVERY)}"}
        headers["x-tenant"] = str(self.ours.tenant_id)
        return await self.clinic.client.request(
            row.method,
            path,
            headers=headers,
            json=body_of(row, body_names),
            files={"file": ("a.txt", b"text")} if row.form else None,
            data=form_of(row, body_names),
        )

    async def their_rows(self) -> dict[str, list[str]]:
        """All that is kept of the strangers."""
        rows: dict[str, list[str]] = await self.clinic.parts.store.read(
            lambda unit: rows_of(unit, self.theirs.tenant_id)
        )
        return rows


def watched(row: Row, seen: list[set[int]]) -> Row:
    """The row, which first notes what its endpoint can see."""

    def run(unit: Unit, caller: Caller, asked: Asked) -> object:
        transaction = unit._transaction  # type: ignore[attr-defined]
        if transaction.locks_rows:
            [(text,)] = transaction.all(SEEN, nothing=0)
            seen.append({int(each) for each in (text or "").strip("{}").split(",") if each})
        return row.run(unit, caller, asked)

    return replace(row, run=run)


def furnish(unit: Unit, clinic: Clinic) -> tuple[Everything, Everything]:
    """Both clinics; Alice may look into a third one too."""
    alice = unit.people.by_subject("sub-alice")
    assert alice is not None
    unit.tenants.add_member(clinic.ids.golden_horn, alice.person_id, "viewer")
    return furnish_everything(unit, clinic.ids.bosphorus, "ours"), furnish_strangers(unit)


async def running_neighbours(folder: Path, database: str) -> AsyncIterator[Neighbours]:
    """A node with both, of which every endpoint is watched."""
    async for clinic in running_clinic(folder, database=database):
        ours, theirs = await clinic.parts.store.write(partial(furnish, clinic=clinic))
        seen: list[set[int]] = []
        table = [watched(row, seen) for row in TABLE]
        transport = httpx2.ASGITransport(build_api(clinic.parts, table))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
            yield Neighbours(replace(clinic, client=client), ours, theirs, seen)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def neighbours(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Neighbours]:
    """Both, on either database."""
    with ExitStack() as stack:
        database = ""
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_url")
            database = stack.enter_context(fresh_database(server))
        folder = tmp_path_factory.mktemp("neighbours")
        async for made in running_neighbours(folder, database):
            yield made


@every_row
async def test_no_id_of_another_tenant_opens_or_changes_anything(
    neighbours: Neighbours, row: Row
) -> None:
    """Neither in the path nor in the body: they are answered as if they had never been there."""
    ours, theirs = neighbours.ours, neighbours.theirs
    before = await neighbours.their_rows()
    answers = []
    if "{" in row.path:
        answers = [await neighbours.ask(row, path, theirs) for path in paths(row, ours, theirs)]
        expected = {200} if row.path.startswith(EVERYBODYS) else {404}
        assert {answer.status_code for answer in answers} == expected
    for names_theirs in mixed(row, ours, theirs):
        answers.append(await neighbours.ask(row, path_of(row, ours, ours), names_theirs))
        assert answers[-1].status_code in (404, 422), answers[-1].text
    if not answers:
        answers.append(await neighbours.ask(row, path_of(row, ours, ours), ours))
        assert answers[-1].status_code < 300, answers[-1].text

    assert not [answer.text for answer in answers if MARK.lower() in answer.text.lower()]
    assert await neighbours.their_rows() == before


@every_row
async def test_every_endpoint_runs_behind_the_wall(neighbours: Neighbours, row: Row) -> None:
    """What it sees in PostgreSQL is the tenant that the request acts in, whatever it asks for."""
    ours = neighbours.ours
    neighbours.seen.clear()
    theirs_too = {ours.tenant_id, neighbours.clinic.ids.golden_horn}

    await neighbours.ask(row, path_of(row, ours, ours), ours)

    on_postgresql = "postgresql" in neighbours.clinic.parts.settings.database
    expected = theirs_too if row.permission is None else {ours.tenant_id}
    assert neighbours.seen == ([expected] if on_postgresql else [])


async def test_who_acts_in_none_of_their_tenants_sees_those_and_no_other(
    neighbours: Neighbours,
) -> None:
    token = neighbours.clinic.token(scope=EVERY)
    neighbours.seen.clear()

    answer = await neighbours.clinic.get("/api/v1/account/me", token=token)

    assert answer.status_code == 200
    both = {neighbours.ours.tenant_id, neighbours.clinic.ids.golden_horn}
    assert all(seen == both for seen in neighbours.seen)


async def test_who_belongs_nowhere_sees_nothing(neighbours: Neighbours) -> None:
    token = neighbours.clinic.token("sub-eve", EVERY, "grant-eve")
    neighbours.seen.clear()

    answer = await neighbours.clinic.get("/api/v1/account/tenants", token=token)

    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert all(seen == set() for seen in neighbours.seen)


@pytest.fixture
def walls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Which tenants units of work said they need, one after another."""
    said: list[tuple[int, ...]] = []

    def within(unit: SqlUnit, *tenant_ids: int) -> None:
        said.append(tenant_ids)

    monkeypatch.setattr(SqlUnit, "within", within)
    return said


async def test_what_a_customer_writes_is_kept_behind_the_wall(
    clinic: Clinic, walls: list[tuple[int, ...]]
) -> None:
    desk = await open_desk(clinic)

    assert await desk.write(new_phone(), "Hi") == "kept"

    assert walls == [(clinic.ids.bosphorus,)]


async def test_an_upload_and_a_download_are_behind_the_wall(
    clinic: Clinic, walls: list[tuple[int, ...]]
) -> None:
    token = clinic.token(scope="files:read files:write")
    sent = await clinic.client.post(
        f"/api/v1/customers/{clinic.ids.ada}/files",
        data={"type": "other"},
        files={"file": ("a.txt", b"text")},
        headers={"authorization": f"Bearer {token}"},
    )
    assert walls == [(clinic.ids.bosphorus,)] * 3, "let in, expected, kept"

    async with clinic.world.browser() as browser:
        answer = await browser.get(sent.json()["data"]["temporary_url"])

    assert answer.status_code == 200
    assert walls == [(clinic.ids.bosphorus,)] * 4

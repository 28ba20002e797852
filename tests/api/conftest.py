"""A node with two clinics, their customers and their people, and a client that calls its API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from httpx2 import Response

from flextell.api.build import build_api
from flextell.oauth import access_token, scopes
from flextell.oauth.model import Grant
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.tenants.files import Content, Fileable, NewFile
from flextell.tenants.model import CustomerDetails, TenantDetails, WorkHours
from tests.world import ISSUER, NOON, PHOTOS, World, running_world

ADA_BORN = -4_861_728_000
"""10 December 1815, midnight UTC."""
OLD_CUSTOMER_AT = NOON - 30 * 86_400
XRAY = NewFile(
    name="x-ray.png",
    description="Upper left",
    type="image",
    group_id="upper-jaw",
    fileable=Fileable("customer", 1),
    content=Content("00" * 16, 1536, bytes(32), "image/png"),
    person_id=None,
)
"""Ada's, whose bytes were lost."""


@dataclass(frozen=True)
class Ids:
    """The numbers that the database gave."""

    bosphorus: int
    golden_horn: int
    ada: int
    grace: int
    deleted: int
    elsewhere: int
    vip: int


@dataclass(frozen=True)
class Clinic:
    """A running node, what is in it, and its API."""

    world: World
    ids: Ids
    client: httpx2.AsyncClient

    @property
    def parts(self) -> Parts:
        """The parts of the node."""
        return self.world.parts

    def token(
        self,
        subject: str = "sub-alice",
        scope: str = "account:read customers:read",
        grant_id: str = "grant-alice",
        seconds: int = 3600,
        generation: int = 1,
    ) -> str:
        """An access token of a grant, signed by the node's key."""
        now = self.world.clock.now
        granted = scopes.parse(scope)
        grant = Grant(grant_id, PHOTOS.client_id, subject, granted, now)
        token = access_token.for_grant(grant, generation, granted, now, now + seconds)
        key = self.parts.keyring.signing("access_token")
        return access_token.sign(token, key, ISSUER, self.parts.settings.resource)

    async def get(
        self,
        path: str,
        *,
        token: str | None = None,
        tenant: object = None,
        method: str = "GET",
        **parameters: Any,
    ) -> Response:
        """Call the API as Alice, unless another token is given."""
        headers = {"authorization": f"Bearer {token or self.token()}"}
        if tenant is not None:
            headers["x-tenant"] = str(tenant)
        return await self.client.request(method, path, headers=headers, params=parameters)


async def running_clinic(folder: Path, **settings: Any) -> AsyncIterator[Clinic]:
    """A node of its own in this folder."""
    made: list[Ids] = []
    async with running_world(
        folder, prepare=lambda unit: made.append(furnish(unit)), **settings
    ) as world:
        transport = httpx2.ASGITransport(build_api(world.parts))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
            yield Clinic(world, made[0], client)


@pytest.fixture(scope="module")
async def clinic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    """A node that many tests share: they add to it, but turn no clock and revoke nothing shared."""
    async for made in running_clinic(tmp_path_factory.mktemp("clinic")):
        yield made


@pytest.fixture
async def own_clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    """A node of this test's own."""
    async for made in running_clinic(tmp_path):
        yield made


def furnish(unit: Unit) -> Ids:
    """Alice owns one clinic; Bob is staff in both; Carol was retired; Dora was disabled."""
    people = {person.subject: person.person_id for person in unit.people.all()}
    for name in ("Carol", "Dora", "Eve"):
        added = unit.people.add(
            subject=f"sub-{name.lower()}",
            email=f"{name.lower()}@example.com",
            name=name,
            password_hash="unused",
            now=NOON,
        )
        people[added.subject] = added.person_id
    turkey = unit.tenants.add_place("country", "Türkiye")
    istanbul = unit.tenants.add_place("city", "İstanbul")
    bosphorus = unit.tenants.add(
        TenantDetails(
            name="Bosphorus Clinic",
            avatar_url="https://pictures.example/bosphorus.png",
            latitude="41.08",
            longitude="29.05",
            services=("Dentistry",),
            knowledge_base=("Parking is free.",),
            work_hours=(WorkHours("monday", True, "09:00", "18:00"),),
            country_id=turkey,
            city_id=istanbul,
        ),
        NOON,
    )
    golden_horn = unit.tenants.add(TenantDetails(name="Golden Horn Clinic"), NOON)
    for tenant_id, subject, role in (
        (bosphorus, "sub-alice", "owner"),
        (bosphorus, "sub-bob", "staff"),
        (golden_horn, "sub-bob", "viewer"),
        (bosphorus, "sub-carol", "retired"),
        (bosphorus, "sub-dora", "owner"),
    ):
        unit.tenants.add_member(tenant_id, people[subject], role)
    unit.people.disable(people["sub-dora"], NOON)
    customers = unit.customers
    ada = customers.add(
        bosphorus,
        CustomerDetails(
            first_name="Ada",
            last_name="Çelik",
            phone_number="+905551234567",
            email="ada@example.com",
            date_of_birth=ADA_BORN,
            gender="female",
            country_id=turkey,
            identity_number="10000000146",
            job="Engineer",
            address="Bebek 1",
            default_channel_id=3,
            avatar_url="https://pictures.example/ada.png",
            person_id=people["sub-bob"],
        ),
        NOON,
    )
    vip = unit.tags.add(bosphorus, "VIP", "#FFAA00", NOON)
    customers.put_tag(bosphorus, ada, vip)
    grace = customers.add(
        bosphorus, CustomerDetails("Grace", "Hopper", "+15551234567"), OLD_CUSTOMER_AT
    )
    deleted = customers.add(bosphorus, CustomerDetails("Gone", "Customer", "+1"), NOON)
    customers.delete(bosphorus, deleted, NOON + 1)
    elsewhere = customers.add(golden_horn, CustomerDetails("Else", "Where", "+2"), NOON)
    unit.files.expect(bosphorus, XRAY.content.stored_as, NOON + 1)
    unit.files.add(bosphorus, replace(XRAY, fileable=Fileable("customer", ada)), 0, NOON)
    return Ids(bosphorus, golden_horn, ada, grace, deleted, elsewhere, vip)

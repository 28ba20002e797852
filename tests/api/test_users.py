"""Users and their roles: who may change whom, and what happens to them at once (wire §a, users)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flextell.accounts import passwords, sessions
from flextell.api.users import UserListParameters
from flextell.store.port import Unit
from flextell.tenants.members import MEMBER_SORT_KEYS
from tests.api.anything import json_values
from tests.api.conftest import Clinic
from tests.world import ISSUER, NOON, PASSWORD

pytestmark = pytest.mark.anyio

USERS = "/api/v1/users"
SCOPE = "users:read users:write account:read customers:read"
NEW = {"name": "Mert", "password": "long enough", "password_confirmation": "long enough"}
NOBODYS = 999_999


class Owner:
    """The API of the clinic, as its owner asks it."""

    def __init__(self, clinic: Clinic, client: httpx2.AsyncClient) -> None:
        self.clinic, self.client = clinic, client
        self.made = 0

    async def add(self, **changed: Any) -> dict[str, Any]:
        """A new user with an address of their own."""
        answer = await self.client.post(USERS, json=self.new(**changed))
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def new(self, **changed: Any) -> dict[str, Any]:
        """What makes a new user."""
        self.made += 1
        return NEW | {"email": f"mert-{id(self)}-{self.made}@example.com"} | changed

    async def put(self, user_id: int, **changes: Any) -> httpx2.Response:
        """Change a user."""
        return await self.client.put(f"{USERS}/{user_id}", json=changes)

    async def id_of(self, email: str) -> int:
        """The number of somebody who was there before."""
        person = await self.clinic.parts.store.read(lambda unit: unit.people.by_email(email))
        assert person is not None
        return person.person_id

    async def subject_of(self, email: str) -> str:
        """How tokens name somebody."""
        person = await self.clinic.parts.store.read(lambda unit: unit.people.by_email(email))
        assert person is not None
        return person.subject

    async def sees_customers(self, subject: str, tenant: int | None = None) -> int:
        """The status that somebody else gets for the list of customers."""
        token = self.clinic.token(subject, grant_id=f"grant-{subject}")
        return (await self.clinic.get("/api/v1/customers", token=token, tenant=tenant)).status_code


@pytest.fixture
async def owner(clinic: Clinic) -> AsyncIterator[Owner]:
    """Alice, who owns the Bosphorus Clinic."""
    async for made in as_owner(clinic):
        yield made


@pytest.fixture
async def own(own_clinic: Clinic) -> AsyncIterator[Owner]:
    """Alice in a clinic of this test's own."""
    async for made in as_owner(own_clinic):
        yield made


async def as_owner(clinic: Clinic) -> AsyncIterator[Owner]:
    headers = {
        "authorization": f"Bearer {clinic.token(scope=SCOPE)}",
        "x-tenant": str(clinic.ids.bosphorus),
    }
    transport = httpx2.ASGITransport(clinic.world.app)
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER, headers=headers) as client:
        yield Owner(clinic, client)


async def test_a_new_user_has_every_documented_field(owner: Owner) -> None:
    body = owner.new(
        email="Mert.Kaya@Example.com",
        phone="+90",
        title="Dr.",
        emergency_contact_name="Ece",
        emergency_contact_surname="Kaya",
        emergency_contact_phone_number="+91",
        blood_group="ARh+",
        language=["Turkish", "Klingon"],
        avatar_url="https://pictures.example/mert.png",
        bio="Drills.",
        role_ids=[2, 3, 2],
    )
    answer = await owner.client.post(USERS, json=body)

    assert answer.status_code == 201
    data = answer.json()["data"]
    assert answer.headers["location"] == f"{ISSUER}{USERS}/{data['id']}"
    assert data == {
        "id": data["id"],
        "name": "Mert",
        "email": "mert.kaya@example.com",
        "title": "Dr.",
        "phone": "+90",
        "emergency_contact_name": "Ece",
        "emergency_contact_surname": "Kaya",
        "emergency_contact_phone_number": "+91",
        "blood_group": "ARh+",
        "language": ["Turkish", "Klingon"],
        "avatar_url": "https://pictures.example/mert.png",
        "is_active": True,
        "bio": "Drills.",
        "last_login_at": None,
        "last_login_ip": None,
        "created_at": "2026-11-23T12:00:00Z",
        "updated_at": "2026-11-23T12:00:00Z",
        "deleted_at": None,
        "roles": [{"id": 2, "name": "staff"}, {"id": 3, "name": "viewer"}],
    }
    read = await owner.client.get(f"{USERS}/{data['id']}")
    assert read.json()["data"] == data
    assert "password" not in answer.text


async def test_a_new_user_signs_in_with_the_password_and_acts_by_their_role(owner: Owner) -> None:
    made = await owner.add(role_ids=[3])
    person = await owner.clinic.parts.store.read(lambda unit: unit.people.by_email(made["email"]))

    assert person is not None
    assert passwords.check(NEW["password"], person.password_hash).right
    assert await owner.sees_customers(person.subject) == 200


async def test_somebody_without_a_role_belongs_and_may_do_nothing(owner: Owner) -> None:
    made = await owner.add()
    subject = await owner.subject_of(made["email"])
    token = owner.clinic.token(subject, grant_id=f"grant-{subject}")

    assert made["roles"] == []
    assert await owner.sees_customers(subject) == 403
    roles = await owner.clinic.get("/api/v1/account/roles", token=token)
    assert roles.json()["data"] == {"roles": {}, "permissions": {}}


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({"password_confirmation": "another"}, 422, "password_confirmation"),
        ({"password": "short", "password_confirmation": "short"}, 422, "password"),
        ({"password": "x" * 1025, "password_confirmation": "x" * 1025}, 422, "password"),
        ({"email": "nobody"}, 422, "e-mail"),
        ({"email": "bob@example.com"}, 409, "e-mail"),
        ({"email": " BOB@example.com"}, 409, "e-mail"),
        ({"email": None}, 400, "email"),
        ({"name": "  "}, 422, "name"),
        ({"name": 7}, 400, "name"),
        ({"phone": "1" * 21}, 422, "phone"),
        ({"blood_group": "x" * 11}, 422, "blood_group"),
        ({"language": "Turkish"}, 400, "language"),
        ({"language": [7]}, 400, "language.0"),
        ({"is_active": "yes"}, 400, "is_active"),
        ({"role_ids": [99]}, 422, "role_ids"),
        ({"role_ids": ["owner"]}, 400, "role_ids.0"),
    ],
)
async def test_a_faulty_new_user_is_refused_in_a_sentence(
    owner: Owner, changed: dict[str, Any], status: int, word: str
) -> None:
    answer = await owner.client.post(USERS, json=owner.new(**changed))

    assert (answer.status_code, answer.json().keys()) == (status, {"error", "message"})
    assert word in answer.json()["message"]


@pytest.mark.parametrize("missing", ["name", "email", "password"])
async def test_a_new_user_needs_name_address_and_password(owner: Owner, missing: str) -> None:
    body = owner.new()
    del body[missing]

    answer = await owner.client.post(USERS, json=body)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_the_same_key_makes_one_user_and_keeps_no_trace_of_the_password(
    owner: Owner,
) -> None:
    """A digest of the whole body would be a fast hash of the password."""
    headers = {"idempotency-key": "one-user"}
    body = owner.new()
    other = {"password": "something else", "password_confirmation": "something else"}

    first = await owner.client.post(USERS, json=body, headers=headers)
    again = await owner.client.post(USERS, json=body | other, headers=headers)
    foreign = await owner.client.post(USERS, json=body | {"name": "Ali"}, headers=headers)

    assert (first.status_code, again.content) == (201, first.content)
    assert foreign.status_code in (409, 422)


async def test_only_what_is_sent_changes_and_null_takes_away(owner: Owner) -> None:
    """Wire §e 7."""
    made = await owner.add(title="Dr.", bio="Drills.", role_ids=[3])

    put = await owner.put(made["id"], title=None, language=["Other"])
    patched = await owner.client.patch(f"{USERS}/{made['id']}", json={"name": " Mert Kaya "})

    assert put.status_code == patched.status_code == 200
    after = patched.json()["data"]
    changed = {name for name in made if made[name] != after[name]}
    assert changed == {"title", "language", "name"}
    assert (after["title"], after["language"], after["name"]) == (None, ["Other"], "Mert Kaya")


async def test_a_user_as_it_was_read_may_be_sent_back(owner: Owner) -> None:
    """Somebody whom the business did not add, too: nothing about who they are changes."""
    bob = (await owner.client.get(f"{USERS}/{await owner.id_of('bob@example.com')}")).json()["data"]

    answer = await owner.put(bob["id"], **{**bob, "bio": "Bobs."})

    assert answer.status_code == 200
    assert answer.json()["data"]["bio"] == "Bobs."


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Robert"},
        {"email": "robert@example.com"},
        {"password": "long enough", "password_confirmation": "long enough"},
    ],
)
async def test_who_somebody_is_whom_the_business_did_not_add_is_theirs_to_say(
    owner: Owner, changes: dict[str, str]
) -> None:
    bob = await owner.id_of("bob@example.com")

    answer = await owner.put(bob, **changes, bio="Bobs no more.")

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    read = (await owner.client.get(f"{USERS}/{bob}")).json()["data"]
    assert (read["name"], read["email"]) == ("Bob", "bob@example.com")
    assert read["bio"] != "Bobs no more."


async def test_an_address_that_somebody_has_is_a_conflict(owner: Owner) -> None:
    made = await owner.add()

    answer = await owner.put(made["id"], email="bob@example.com")

    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")


async def test_a_new_password_signs_them_out_everywhere(owner: Owner) -> None:
    made = await owner.add()
    store = owner.clinic.parts.store
    session = sessions.begin(b"browser", made["id"], 3600, NOON)
    await store.write(lambda unit: unit.sessions.put(session))

    kept = await owner.put(made["id"], bio="Still here.")
    assert await store.read(lambda unit: unit.sessions.get(b"browser")) is not None
    answer = await owner.put(made["id"], password=PASSWORD, password_confirmation=PASSWORD)

    assert (kept.status_code, answer.status_code) == (200, 200)
    person = await store.read(lambda unit: unit.people.by_email(made["email"]))
    assert person is not None
    assert passwords.check(PASSWORD, person.password_hash).right
    assert await store.read(lambda unit: unit.sessions.get(b"browser")) is None


async def test_who_is_switched_off_may_do_nothing_at_once_and_may_come_back(owner: Owner) -> None:
    made = await owner.add(role_ids=[2])
    subject = await owner.subject_of(made["email"])

    assert await owner.sees_customers(subject) == 200
    off = await owner.put(made["id"], is_active=False)
    assert (off.status_code, off.json()["data"]["is_active"]) == (200, False)
    assert await owner.sees_customers(subject) == 403
    await owner.put(made["id"], is_active=True)
    assert await owner.sees_customers(subject) == 200


async def test_who_is_removed_is_gone_here_and_nowhere_else(own: Owner) -> None:
    bob, ids = await own.id_of("bob@example.com"), own.clinic.ids

    gone = await own.client.delete(f"{USERS}/{bob}")
    again = await own.client.delete(f"{USERS}/{bob}")

    assert (gone.status_code, gone.json()["data"].keys()) == (200, {"message"})
    assert again.status_code == 404
    assert (await own.client.get(f"{USERS}/{bob}")).status_code == 404
    assert (await own.put(bob, bio="x")).status_code == 404
    assert await own.sees_customers("sub-bob", ids.bosphorus) == 403
    assert await own.sees_customers("sub-bob", ids.golden_horn) == 200
    shown = (await own.client.get(USERS)).json()["data"]
    trashed = (await own.client.get(USERS, params={"trashed": "true"})).json()["data"]
    assert bob not in [each["id"] for each in shown]
    assert [each["deleted_at"] for each in trashed if each["id"] == bob] != [None]


async def test_the_only_active_owner_stays_until_there_is_another(own: Owner) -> None:
    """Dora owns the clinic too, but her account was disabled."""
    alice = await own.id_of("alice@example.com")
    attempts = [
        await own.put(alice, is_active=False),
        await own.put(alice, role_ids=[2, 3]),
        await own.client.put(f"{USERS}/{alice}/roles", json={"role_ids": []}),
        await own.client.delete(f"{USERS}/{alice}"),
    ]
    second = await own.add(role_ids=[1])
    left = await own.client.delete(f"{USERS}/{alice}")

    assert [each.status_code for each in attempts] == [409] * 4
    assert {each.json()["error"] for each in attempts} == {"conflict"}
    assert second["roles"] == [{"id": 1, "name": "owner"}]
    assert left.status_code == 200
    assert (await own.client.get(USERS)).status_code == 403


async def test_of_owners_who_all_leave_at_once_one_stays(own: Owner) -> None:
    others = [await own.add(role_ids=[1]) for _ in range(3)]
    ids = [await own.id_of("alice@example.com"), *(each["id"] for each in others)]
    tokens = [own.clinic.token(scope=SCOPE)] + [
        own.clinic.token(await own.subject_of(each["email"]), SCOPE, f"grant-{each['id']}")
        for each in others
    ]

    answers = await asyncio.gather(
        *(
            own.client.delete(f"{USERS}/{user_id}", headers={"authorization": f"Bearer {token}"})
            for user_id, token in zip(ids, tokens, strict=True)
        )
    )

    assert Counter(each.status_code for each in answers) == {200: 3, 409: 1}


async def test_roles_of_a_user_are_listed_and_replaced(owner: Owner) -> None:
    made = await owner.add(role_ids=[3])
    path = f"{USERS}/{made['id']}/roles"

    before = await owner.client.get(path)
    replaced = await owner.client.put(path, json={"role_ids": [2, 1]})
    after = await owner.client.get(path, params={"limit": 1})
    emptied = await owner.client.put(path, json={"role_ids": []})

    assert [each["name"] for each in before.json()["data"]] == ["viewer"]
    assert [each["name"] for each in replaced.json()["data"]] == ["owner", "staff"]
    assert [each["name"] for each in after.json()["data"]] == ["owner"]
    assert (after.json()["meta"]["total"], after.json()["meta"]["has_more"]) == (2, True)
    rest = await owner.client.get(path, params={"cursor": after.json()["meta"]["cursor"]})
    assert rest.status_code == 200
    assert emptied.json()["data"] == []
    for body, status in (({}, 400), ({"role_ids": [9]}, 422), ({"role_ids": 1}, 400)):
        assert (await owner.client.put(path, json=body)).status_code == status


async def test_staff_see_users_and_change_none(owner: Owner) -> None:
    token = owner.clinic.token("sub-bob", SCOPE, "grant-bob")
    headers = {"authorization": f"Bearer {token}"}
    alice = await owner.id_of("alice@example.com")
    client = owner.client

    seen = await client.get(f"{USERS}/{alice}", headers=headers)
    changed = [
        await client.post(USERS, json=owner.new(), headers=headers),
        await client.put(f"{USERS}/{alice}", json={"bio": "x"}, headers=headers),
        await client.put(f"{USERS}/{alice}/roles", json={"role_ids": []}, headers=headers),
        await client.delete(f"{USERS}/{alice}", headers=headers),
    ]

    assert seen.status_code == 200
    assert [each.status_code for each in changed] == [403] * 4


@pytest.mark.parametrize("whom", ["nobody", "somebody elsewhere"])
async def test_users_of_other_tenants_do_not_exist(owner: Owner, whom: str) -> None:
    user_id = NOBODYS if whom == "nobody" else await owner.id_of("eve@example.com")
    answers = [
        await owner.client.get(f"{USERS}/{user_id}"),
        await owner.client.get(f"{USERS}/{user_id}/roles"),
        await owner.put(user_id, bio="x"),
        await owner.client.put(f"{USERS}/{user_id}/roles", json={"role_ids": [1]}),
        await owner.client.delete(f"{USERS}/{user_id}"),
    ]

    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1


async def test_a_change_of_what_was_changed_meanwhile_is_refused(owner: Owner) -> None:
    """RFC 9110 §13.1.1; a sign-in in between is no change."""
    made = await owner.add()
    path = f"{USERS}/{made['id']}"
    tag = (await owner.client.get(path)).headers["etag"]

    def sign_in(unit: Unit) -> None:
        unit.people.note_sign_in(made["id"], "192.0.2.7", NOON + 60)

    await owner.clinic.parts.store.write(sign_in)
    first = await owner.client.put(path, json={"bio": "1"}, headers={"if-match": tag})
    second = await owner.client.put(path, json={"bio": "2"}, headers={"if-match": tag})

    assert (first.status_code, second.status_code) == (200, 412)
    assert first.json()["data"]["last_login_at"] == "2026-11-23T12:01:00Z"
    assert first.json()["data"]["last_login_ip"] == "192.0.2.7"


async def names(owner: Owner, **parameters: Any) -> list[str]:
    """The users whom the owner finds."""
    answer = await owner.client.get(USERS, params=parameters)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["data"]]


async def test_the_list_is_searched_filtered_and_sorted(own: Owner) -> None:
    await own.add(name="Çağla", role_ids=[3], is_active=False)

    assert await names(own, sort_by="name", sort_order="desc") == [
        "Çağla",
        "Dora",
        "Carol",
        "Bob",
        "Alice",
    ]
    assert await names(own, search="CAGLA") == ["Çağla"]
    assert await names(own, search="bob@") == ["Bob"]
    assert await names(own, is_active="false") == ["Çağla"]
    assert await names(own, role="staff") == ["Bob"]
    assert await names(own, role="unheard of") == []
    for key in MEMBER_SORT_KEYS:
        whole = await names(own, sort_by=key)
        met: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = {"cursor": cursor} if cursor else {"sort_by": key, "limit": 2}
            body = (await own.client.get(USERS, params=page)).json()
            met += [each["name"] for each in body["data"]]
            cursor = body["meta"]["cursor"]
        assert (met, len(met)) == (whole, 5)


async def test_a_cursor_of_another_order_is_refused(owner: Owner) -> None:
    body = (await owner.client.get(USERS, params={"sort_by": "name", "limit": 1})).json()

    answer = await owner.client.get(
        USERS, params={"cursor": body["meta"]["cursor"], "sort_by": "email"}
    )

    assert answer.status_code == 400
    assert set(UserListParameters.model_fields) > {"search", "role", "is_active", "trashed"}


fields = st.sampled_from(
    ["name", "email", "title", "language", "is_active", "role_ids", "avatar_url", "bio", "phone"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.dictionaries(fields, json_values))
async def test_no_body_is_a_fault_of_ours(owner: Owner, body: dict[str, Any]) -> None:
    bob = await owner.id_of("bob@example.com")

    answers = [
        await owner.put(bob, **body),
        await owner.client.post(USERS, json={**NEW, **body, "password_confirmation": "x"}),
        await owner.client.put(f"{USERS}/{bob}/roles", json=body),
    ]
    await owner.put(bob, is_active=True, role_ids=[2])

    assert all(each.status_code < 500 for each in answers)

"""Lists by page and by cursor (wire §c.5, §e 2)."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flextell.store.port import Unit
from flextell.tenants.customers import SORT_KEYS
from flextell.tenants.model import CustomerDetails, TenantDetails
from flextell.tenants.paging import Cursor, decode, encode
from tests.api.conftest import Clinic
from tests.world import NOON

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"
tenant_names = itertools.count()

# Few different values, so that there are many ties.
customers = st.builds(
    CustomerDetails,
    first_name=st.sampled_from(["Ada", "ada", "Çiğdem", "Zoë"]),
    last_name=st.sampled_from(["", "A", "B"]),
    phone_number=st.just("+1"),
    date_of_birth=st.sampled_from([None, -5, 0, 86_400]),
    gender=st.sampled_from([None, "male", "female", "other"]),
)


def eve(clinic: Clinic) -> str:
    """A token for somebody who founds a clinic in every test."""
    return clinic.token("sub-eve", grant_id="grant-eve")


@dataclass
class Walk:
    """The list, read part by part until it says that there is no more."""

    clinic: Clinic
    tenant: int

    async def part(self, **parameters: Any) -> dict[str, Any]:
        """One part of the list."""
        answer = await self.clinic.get(
            CUSTOMERS, token=eve(self.clinic), tenant=self.tenant, **parameters
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def by_page(self, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        """By `links.next`, from page 1."""
        body = await self.part(**parameters)
        yield body
        while (following := body["links"]["next"]) is not None:
            body = await self.part(**dict(parse_qsl(urlsplit(following).query)))
            yield body

    async def by_cursor(self, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        """By `meta.cursor`."""
        body = await self.part(**parameters)
        yield body
        while (cursor := body["meta"]["cursor"]) is not None:
            again = {name: parameters[name] for name in ("limit",) if name in parameters}
            body = await self.part(cursor=cursor, **again)
            yield body


async def a_tenant_with(clinic: Clinic, everyone: list[CustomerDetails]) -> int:
    """A new tenant of Eve's with these customers, two each second."""

    def add(unit: Unit) -> int:
        eve = unit.people.by_subject("sub-eve")
        assert eve is not None
        tenant_id = unit.tenants.add(TenantDetails(name=f"Clinic {next(tenant_names)}"), NOON)
        unit.tenants.add_member(tenant_id, eve.person_id, "owner")
        for i, details in enumerate(everyone):
            unit.customers.add(tenant_id, details, NOON + i // 2)
        return tenant_id

    return await clinic.parts.store.write(add)


async def gathered(parts: AsyncIterator[dict[str, Any]]) -> tuple[list[int], list[dict[str, Any]]]:
    """All ids in the order they came, and each part's meta."""
    ids, metas = [], []
    async for body in parts:
        ids += [each["id"] for each in body["data"]]
        metas.append(body["meta"])
    return ids, metas


@given(
    everyone=st.lists(customers, max_size=12),
    size=st.integers(1, 5),
    sort_by=st.sampled_from([None, *SORT_KEYS]),
    sort_order=st.sampled_from([None, "asc", "desc"]),
)
@settings(max_examples=40)
async def test_every_way_through_the_list_meets_every_customer_once_in_the_same_order(
    clinic: Clinic,
    everyone: list[CustomerDetails],
    size: int,
    sort_by: str | None,
    sort_order: str | None,
) -> None:
    """Ties and absent values included; in page mode the cursor continues after the page."""
    walk = Walk(clinic, await a_tenant_with(clinic, everyone))
    sort = {"sort_by": sort_by, "sort_order": sort_order}
    sort = {name: value for name, value in sort.items() if value is not None}

    whole = await walk.part(**sort, per_page=100)
    pages, page_metas = await gathered(walk.by_page(**sort, per_page=size))
    cursors, cursor_metas = await gathered(walk.by_cursor(**sort, limit=size))
    mixed, _ = await gathered(walk.by_cursor(**sort, per_page=size))

    expected = [each["id"] for each in whole["data"]]
    assert len(set(expected)) == len(everyone)
    assert pages == cursors == mixed == expected
    for metas in (page_metas, cursor_metas):
        assert {meta["total"] for meta in metas} == {len(everyone)}
        assert {meta["last_page"] for meta in metas} == {len(metas)}
        assert [meta["has_more"] for meta in metas] == [True] * (len(metas) - 1) + [False]
        assert all((meta["cursor"] is not None) == meta["has_more"] for meta in metas)


async def test_a_list_without_parameters_has_twenty_items_and_says_where_the_rest_is(
    clinic: Clinic,
) -> None:
    everyone = [CustomerDetails("Ada", str(i), "+1") for i in range(45)]
    tenant = await a_tenant_with(clinic, everyone)

    body = await Walk(clinic, tenant).part()

    address = "https://localhost:8443/api/v1/customers"
    meta = body["meta"]
    assert len(body["data"]) == 20
    assert body["links"] == {
        "first": f"{address}?per_page=20&page=1",
        "last": f"{address}?per_page=20&page=3",
        "prev": None,
        "next": f"{address}?per_page=20&page=2",
    }
    assert meta.pop("cursor").startswith("cursor_")
    assert meta == {
        "current_page": 1,
        "from": 1,
        "last_page": 3,
        "links": [
            {"url": None, "label": "&laquo; Previous", "active": False},
            {"url": f"{address}?per_page=20&page=1", "label": "1", "active": True},
            {"url": f"{address}?per_page=20&page=2", "label": "2", "active": False},
            {"url": f"{address}?per_page=20&page=3", "label": "3", "active": False},
            {"url": f"{address}?per_page=20&page=2", "label": "Next &raquo;", "active": False},
        ],
        "path": address,
        "per_page": 20,
        "to": 20,
        "total": 45,
        "has_more": True,
    }


async def test_links_keep_the_filters_the_order_and_the_version_they_were_asked_in(
    clinic: Clinic,
) -> None:
    answer = await clinic.get(
        "/api/v0.0.1/customers", search="Ça b&c", trashed="1", sort_by="first_name", per_page=1
    )

    first = urlsplit(answer.json()["links"]["first"])
    assert first.path == "/api/v0.0.1/customers"
    assert dict(parse_qsl(first.query)) == {
        "search": "Ça b&c",
        "trashed": "true",
        "sort_by": "first_name",
        "per_page": "1",
        "page": "1",
    }


async def test_the_first_part_by_cursor_knows_where_it_is_and_later_ones_do_not(
    clinic: Clinic,
) -> None:
    tenant = await a_tenant_with(clinic, [CustomerDetails("Ada", "A", "+1")] * 3)
    walk = Walk(clinic, tenant)

    parts = [part async for part in walk.by_cursor(limit=2)]

    assert [
        (part["meta"]["current_page"], part["meta"]["from"], part["meta"]["to"]) for part in parts
    ] == [(1, 1, 2), (None, None, None)]
    assert parts[0]["links"]["next"].endswith(f"?limit=2&cursor={parts[0]['meta']['cursor']}")
    assert parts[1]["links"]["next"] is None


async def test_a_page_beyond_the_last_is_empty(clinic: Clinic) -> None:
    body = (await clinic.get(CUSTOMERS, page=2**31 - 1, per_page=100)).json()

    assert body["data"] == []
    assert (body["meta"]["from"], body["meta"]["to"], body["meta"]["has_more"]) == (
        None,
        None,
        False,
    )
    assert urlsplit(body["links"]["prev"]).query == "per_page=100&page=1"


async def test_the_tenants_are_a_list_like_any_other(own_clinic: Clinic) -> None:
    names = [f"Clinic {i}" for i in range(4)]

    def add(unit: Unit) -> None:
        eve = unit.people.by_subject("sub-eve")
        assert eve is not None
        for name in names:
            tenant_id = unit.tenants.add(TenantDetails(name=name), NOON)
            unit.tenants.add_member(tenant_id, eve.person_id, "owner")

    await own_clinic.parts.store.write(add)
    token = eve(own_clinic)
    path = "/api/v1/account/tenants"

    first = (await own_clinic.get(path, token=token, limit=3)).json()
    rest = (await own_clinic.get(path, token=token, cursor=first["meta"]["cursor"])).json()
    page = (await own_clinic.get(path, token=token, per_page=3, page=2)).json()

    assert [each["name"] for each in first["data"]] == names[:3]
    assert [each["name"] for each in rest["data"]] == names[3:]
    assert page["data"] == rest["data"]
    assert first["meta"]["total"] == rest["meta"]["total"] == page["meta"]["total"] == 4


@pytest.mark.parametrize(
    "parameters",
    [
        {"page": 1, "limit": 5},
        {"per_page": 5, "limit": 5},
        {"page": 2, "cursor": "{cursor}"},
    ],
)
async def test_two_ways_of_paging_in_one_request_are_refused(
    clinic: Clinic, parameters: dict[str, Any]
) -> None:
    cursor = await a_cursor(clinic)
    parameters = {
        name: value.format(cursor=cursor) if isinstance(value, str) else value
        for name, value in parameters.items()
    }

    answer = await clinic.get(CUSTOMERS, **parameters)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert all(name in answer.json()["message"] for name in parameters)


async def a_cursor(clinic: Clinic, **parameters: Any) -> str:
    """A cursor of the list of customers in Alice's first clinic."""
    answer = await clinic.get(CUSTOMERS, limit=1, **parameters)
    cursor: str = answer.json()["meta"]["cursor"]
    return cursor


def refused(answer: httpx2.Response) -> bool:
    """Whether a cursor was called broken or foreign."""
    body = answer.json()
    return (
        answer.status_code == 400
        and body["error"] == "invalid_request"
        and "cursor" in body["message"]
    )


async def test_a_cursor_of_another_tenant_list_filter_or_order_is_refused(clinic: Clinic) -> None:
    bob = clinic.token("sub-bob", grant_id="grant-bob")
    other = clinic.ids.golden_horn
    cursor = await a_cursor(clinic)
    sorted_one = await a_cursor(clinic, sort_by="first_name")

    assert refused(await clinic.get(CUSTOMERS, token=bob, tenant=other, cursor=cursor))
    assert refused(await clinic.get("/api/v1/account/tenants", cursor=cursor))
    assert refused(await clinic.get(CUSTOMERS, cursor=cursor, gender="male"))
    assert refused(await clinic.get(CUSTOMERS, cursor=cursor, sort_by="first_name"))
    assert refused(await clinic.get(CUSTOMERS, cursor=sorted_one, sort_by="gender"))


async def test_a_cursor_may_be_used_with_the_filters_it_carries(clinic: Clinic) -> None:
    sort = {"sort_by": "first_name", "sort_order": "desc"}
    cursor = await a_cursor(clinic, **sort)

    alone = await clinic.get(CUSTOMERS, cursor=cursor)
    again = await clinic.get(CUSTOMERS, cursor=cursor, **sort)

    assert alone.status_code == again.status_code == 200
    assert alone.json()["data"] == again.json()["data"]


@pytest.mark.parametrize(
    "change",
    [
        {"question": {"page": 2}},
        {"question": {"sort_by": "password"}},
        {"question": {"min_age": [1]}},
        {"question": {"sort_by": "created_at", "sort_order": {"a": 1}}},
        {"value": "text where a time belongs"},
        {"value": None},
    ],
)
async def test_a_forged_cursor_is_refused(clinic: Clinic, change: dict[str, Any]) -> None:
    """Made by somebody who read one; it could only have chosen where to continue anyway."""
    name = f"customers/{clinic.ids.bosphorus}"
    made = decode(name, await a_cursor(clinic))
    after = type(made.after)(change.get("value", made.after.value), made.after.row_id)
    forged = encode(name, Cursor(change.get("question", made.question), after))

    assert refused(await clinic.get(CUSTOMERS, cursor=forged))

"""Rate limits by grant, told on every answer (wire §c.2, §e 31)."""

from pathlib import Path

import pytest

from tests.api.conftest import running_clinic

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"


async def test_a_grant_that_used_up_its_window_waits_for_the_next(tmp_path: Path) -> None:
    """RFC 6585 §4; Retry-After is the reset minus now."""
    async for clinic in running_clinic(
        tmp_path, api_requests_per_window=3, rate_limit_window_seconds=60
    ):
        clinic.world.clock.now += 25 - clinic.world.clock.now % 60
        now = clinic.world.clock.now
        answers = [await clinic.get("/api") for _ in range(4)]
        clinic.world.clock.advance(35)
        later = await clinic.get("/api")

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == list("2100")
        assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3"}
        assert {answer.headers["x-ratelimit-reset"] for answer in answers} == {str(now + 35)}
        assert answers[3].headers["retry-after"] == "35"
        assert answers[3].json()["error"] == "rate_limit_exceeded"
        assert "tenant" not in answers[3].text
        assert "scope" not in answers[3].text
        assert (later.status_code, later.headers["x-ratelimit-remaining"]) == (200, "2")


async def test_each_grant_and_each_address_without_a_token_has_a_window_of_its_own(
    tmp_path: Path,
) -> None:
    async for clinic in running_clinic(tmp_path, api_requests_per_window=2):
        bob = clinic.token("sub-bob", grant_id="grant-bob")
        strangers = [await clinic.client.get("/api") for _ in range(2)]
        forged = await clinic.get("/api", token="x.y.z")
        alice = await clinic.get("/api")
        bobs = await clinic.get("/api", token=bob)

        assert [answer.status_code for answer in strangers] == [401, 401]
        assert forged.status_code == 429
        assert [alice.headers["x-ratelimit-remaining"], alice.status_code] == ["1", 200]
        assert [bobs.headers["x-ratelimit-remaining"], bobs.status_code] == ["1", 200]


async def test_a_refreshed_token_does_not_open_a_new_window(tmp_path: Path) -> None:
    async for clinic in running_clinic(tmp_path, api_requests_per_window=9):
        before = await clinic.get("/api", token=clinic.token(generation=1))
        after = await clinic.get("/api", token=clinic.token(generation=2))

        assert before.headers["x-ratelimit-remaining"] == "8"
        assert after.headers["x-ratelimit-remaining"] == "7"


async def test_errors_count_and_tell_the_window_too(tmp_path: Path) -> None:
    async for clinic in running_clinic(tmp_path, api_requests_per_window=9):
        answers = [
            await clinic.get("/api/nowhere"),
            await clinic.get(CUSTOMERS, page="x"),
            await clinic.get(CUSTOMERS, method="POST"),
        ]

        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == list("876")

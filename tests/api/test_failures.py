"""What the API says when the fault is ours (wire §c.6, §e 10)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import httpx2
import pytest

from flextell.api.build import build_api
from flextell.node.bearer import Bearer
from flextell.node.revocations import RevocationFeed
from flextell.store.port import StoreFull, StoreUnavailable, Unit
from tests.api.conftest import Clinic
from tests.world import ISSUER

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"


@dataclass
class FailingStore:
    """A store that answers nothing."""

    problem: Exception

    async def read(self, _work: Callable[[Unit], Any], *, brief: bool = False) -> NoReturn:
        """Fail."""
        raise self.problem

    write = read

    def at_once(self, _work: Callable[[Unit], Any]) -> NoReturn:
        """Fail."""
        raise self.problem

    def waiting(self) -> int:
        """Nobody."""
        return 0

    def close(self) -> None:
        """Nothing to let go of."""


async def call(clinic: Clinic, path: str, **changed: Any) -> httpx2.Response:
    """Call the API of a node with some parts replaced."""
    transport = httpx2.ASGITransport(build_api(replace(clinic.parts, **changed)))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        headers = {"authorization": f"Bearer {clinic.token()}"}
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("path", [CUSTOMERS, "/api", "/api/v1/account/tenants"])
async def test_an_unreachable_database_is_a_503_that_says_when_to_come_back(
    clinic: Clinic, path: str
) -> None:
    """RFC 9110 §15.6.4. What the operator must do is not the client's business."""
    store = FailingStore(StoreFull("The disk is full; make room."))

    answer = await call(clinic, path, store=store)

    assert answer.status_code == 503
    assert answer.json()["error"] == "service_unavailable"
    assert answer.json().keys() == {"error", "message"}
    assert int(answer.headers["retry-after"]) > 0
    assert "x-ratelimit-remaining" in answer.headers
    assert not [word for word in ("disk", "tenant", "scope") if word in answer.text]


async def test_revocation_that_cannot_be_told_is_a_503_never_a_guess(clinic: Clinic) -> None:
    """A node with old news asks the store; if that fails too, nobody gets in."""
    parts = clinic.parts
    stale = RevocationFeed(FailingStore(StoreUnavailable("It is down.")), 3000)
    bearer = Bearer(
        parts.settings, parts.sources, parts.keyring, stale, parts.receipts, parts.metrics
    )

    answer = await call(clinic, CUSTOMERS, bearer=bearer)

    assert (answer.status_code, answer.json()["error"]) == (503, "service_unavailable")


async def test_a_bug_is_a_500_with_an_id_and_without_its_details(
    clinic: Clinic, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await call(clinic, CUSTOMERS, store=FailingStore(KeyError("password_hash")))

    assert answer.status_code == 500
    assert answer.json()["error"] == "server_error"
    assert answer.json().keys() == {"error", "message"}
    assert "password_hash" not in answer.text
    printed = capsys.readouterr()
    assert answer.headers["request-id"] in printed.out + printed.err + caplog.text

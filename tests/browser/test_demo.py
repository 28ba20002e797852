"""What `make run` starts, as a person uses it: connect, look, refresh, disconnect, come back."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_flow import Axe, sign_in
from tests.together.server import FLEXTELL

SECONDS_TO_STOP = 10


def ports() -> list[str]:
    """Where this process of the tests lets a demo look for ports, apart from the others."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return ["--port", str(18443 + 100 * number), "--app-port", str(9443 + 5 * (number % 2))]


@contextmanager
def demo(data_dir: Path) -> Iterator[dict[str, Any]]:
    """The demo, running; what it says about itself."""
    process = subprocess.Popen(
        [FLEXTELL, "demo", "--data-dir", data_dir, *ports(), "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        told: dict[str, Any] = json.loads(_first_object(process.stdout))
        yield told
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS_TO_STOP)
        process.stdout.close()


def _first_object(lines: Iterable[str]) -> str:
    """The JSON that the demo prints, on one line or several."""
    text = ""
    for line in lines:
        if text or line.startswith("{"):
            text += line
            try:
                json.loads(text)
            except json.JSONDecodeError:
                continue
            return text
    raise AssertionError("the demo ended before it said anything")


@pytest.fixture
def demo_dir(data_dirs: dict[str, Path], trusted_certificates: Sequence[Path]) -> Path:
    """A data directory whose certificate the browser trusts."""
    return data_dirs["demo"]


def test_a_person_connects_looks_refreshes_and_disconnects_and_a_second_run_keeps_the_data(
    new_page: Callable[..., Page], demo_dir: Path, axe: Axe
) -> None:
    page = new_page()
    with demo(demo_dir) as told:
        page.goto(told["address"])
        assert axe(page) == []
        page.get_by_role("button", name="Connect to Flextell").click()
        sign_in(page, told["email"], told["password"])
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", name="Your clients")).to_be_visible()
        rows = page.get_by_role("table").first.get_by_role("row")
        assert rows.count() > 10
        assert axe(page) == []
        page.get_by_role("button", name="Refresh tokens").click()
        expect(page.get_by_text("The tokens were refreshed")).to_be_visible()

    with demo(demo_dir) as again:
        assert again["password"] == told["password"]
        page.goto(again["address"])
        expect(page.get_by_role("heading", name="Your clients")).to_be_visible()
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("heading", name="You are disconnected")).to_be_visible()
        expect(page.get_by_text("401")).to_be_visible()
        expect(page.get_by_text("invalid_token").first).to_be_visible()
        assert axe(page) == []


def pasted(line: str) -> dict[str, Any]:
    """The JSON that a printed line shows in a shell where no proxy is set."""
    environment = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
    ran = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=environment, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def test_the_printed_curl_lines_exchange_the_code_call_the_api_and_refresh(
    new_page: Callable[..., Page], demo_dir: Path
) -> None:
    """As pasted: after the printed address was walked to its end, in their order."""
    assert shutil.which("curl"), "curl is missing; `make test` installs it."
    page = new_page()
    with demo(demo_dir) as told:
        exchange, call, refresh = told["curl"]
        page.goto(told["authorize_url"])
        sign_in(page, told["email"], told["password"])
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", name="Terminal has its code")).to_be_visible()

        first = pasted(exchange)
        customers = pasted(call)
        second = pasted(refresh)
        customers_again = pasted(call)

    assert {first["token_type"], second["token_type"]} == {"Bearer"}
    assert first["access_token"] != second["access_token"]
    assert first["refresh_token"] != second["refresh_token"]
    assert customers["success"] is True
    assert "Yusuf" in {customer["first_name"] for customer in customers["data"]}
    assert customers_again == customers

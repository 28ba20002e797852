"""Drive a real Chromium, one that trusts the certificates it is told to and no others.

`page` is a plain page; `new_page(**options)` opens one as on a phone, in dark mode or without
JavaScript; `axe(page)` says what axe-core finds wrong with a page.
"""

import asyncio
import base64
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from flextell.tls import local_certificate
from tests.together.server import RunningServer

AXE = Path(__file__).parents[1] / "peers" / "node_modules" / "axe-core" / "axe.min.js"
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP = ViewportSize(width=1280, height=800)
MILLISECONDS_TO_WAIT = 10_000
CHROMIUM_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # Chromium refuses to run as root with it
)


class Chromium(NamedTuple):
    """A running browser, and the event loop on which Playwright talks to it."""

    browser: Browser
    loop: asyncio.AbstractEventLoop


class Violation(NamedTuple):
    """A rule of axe-core that a page breaks, and the elements that break it."""

    rule: str
    help: str
    elements: tuple[str, ...]


@pytest.fixture(scope="session")
def data_dirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The data directories of the servers that the browser meets, still empty."""
    folder = tmp_path_factory.mktemp("browser")
    found = {name: folder / name for name in ("server", "demo")}
    for data_dir in found.values():
        data_dir.mkdir(mode=0o700)
    return found


@pytest.fixture(scope="session")
def trusted_certificates(data_dirs: dict[str, Path]) -> Sequence[Path]:
    """PEM files of the servers' certificates that the browser is to trust."""
    now = int(time.time())
    return [local_certificate(folder, now).certificate_file for folder in data_dirs.values()]


@pytest.fixture(scope="session")
def server(
    data_dirs: dict[str, Path], trusted_certificates: Sequence[Path]
) -> Iterator[RunningServer]:
    """A running server that knows Alice and Bob, with a certificate that the browser trusts."""
    running = RunningServer(data_dirs["server"])
    running.create_person()
    running.create_person("bob@example.com", "Bob")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chromium(trusted_certificates: Sequence[Path]) -> Iterator[Chromium]:
    """One Chromium for all tests; ask for `browser`, `new_page` or `page` instead."""
    program = shutil.which("chromium")
    assert program, "Chromium is missing; `make test` installs it."
    trust = ",".join(key_hash(each) for path in trusted_certificates for each in pem(path))
    flags = [*CHROMIUM_FLAGS, f"--ignore-certificate-errors-spki-list={trust}"]

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield Chromium(browser, loop)
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    """The browser, lent to this test.

    Playwright leaves its event loop marked as running between calls. Async tests would find
    themselves inside it, so the mark is there only while a browser test runs.
    """
    asyncio._set_running_loop(chromium.loop)
    yield chromium.browser
    asyncio._set_running_loop(None)


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page with no cookies; takes the options of Playwright's `Browser.new_context`.

    new_page(viewport={"width": 360, "height": 740}, color_scheme="dark", java_script_enabled=False)
    """
    opened = []

    def open_page(**options: object) -> Page:
        context = browser.new_context(**({"viewport": DESKTOP} | options))  # type: ignore[arg-type]
        context.set_default_timeout(MILLISECONDS_TO_WAIT)
        opened.append(context)
        return context.new_page()

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page on a desktop screen, with no cookies."""
    return new_page()


@pytest.fixture
def axe() -> Callable[[Page], list[Violation]]:
    """Say what is hard to use on a page for people with disabilities, by axe-core's rules."""
    return violations


def violations(page: Page) -> list[Violation]:
    """Run axe-core in `page`. It comes in through the debugger, which no CSP can stop."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run({runOnly: rules})", AXE_RULES)
    return [
        Violation(each["id"], each["help"], tuple(node["html"] for node in each["nodes"]))
        for each in found["violations"]
    ]


def pem(path: Path) -> list[x509.Certificate]:
    """All certificates in a PEM file."""
    return x509.load_pem_x509_certificates(path.read_bytes())


def key_hash(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate's public key (RFC 7469 §2.4), as Chromium takes it."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()

"""A developer in a real browser: reads the reference, signs in on it, and tries the API."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.test_demo import demo
from tests.browser.test_flow import PHONE, Axe, sign_in

# What Swagger UI says of every address with an underscore in it; the address works.
KNOWN = "Deprecated: escaping deep link whitespace"
# Swagger UI works on the document for seconds, on a busy machine for many.
MILLISECONDS_TO_DRAW = 60_000
TELL_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation", violation =>
        console.error(`policy: ${violation.effectiveDirective} ${violation.blockedURI}`))
"""


@pytest.fixture(scope="module")
def told(data_dirs: dict[str, Path], trusted_certificates: Sequence[Path]) -> Iterator[Any]:
    """A running demo, whose page has an app of its own; what it says about itself."""
    with demo(data_dirs["demo"]) as running:
        yield running


class Watched:
    """A browser with one page, everything that went wrong in it, and all that it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems = list[str]()
        self.asked = list[str]()
        context: BrowserContext = page.context
        context.set_default_timeout(MILLISECONDS_TO_DRAW)
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", lambda said: self._hear(said.type, said.text))
        context.on("weberror", lambda failed: self._hear("error", str(failed.error)))
        context.on("request", lambda request: self.asked.append(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and not text.startswith(KNOWN):
            self.problems.append(text)


@pytest.fixture
def watched(new_page: Callable[..., Page]) -> Watched:
    """A page on a desktop screen, with no cookies."""
    return Watched(new_page())


def drawn(page: Page) -> None:
    """Wait until Swagger UI shows the operations."""
    page.get_by_role("button", name="Authorize").first.wait_for()


def authorize(page: Page, *more: str) -> Page:
    """Press Authorize, choose `more` scopes, and Authorize in the dialog; the window that opens."""
    page.get_by_role("button", name="Authorize").first.click()
    for scope in more:
        page.locator(f".dialog-ux label[for^='{scope}-']").first.click()
    with page.expect_popup() as opened:
        page.locator(".dialog-ux").get_by_role("button", name="Apply given OAuth2").click()
    return opened.value


def answer(window: Page, word: str) -> None:
    """Press Allow or Deny. The window closes so soon that the click may not hear of its end."""
    button = window.get_by_role("button", name=word)
    button.wait_for()
    with window.expect_event("close"), suppress(PlaywrightError):
        button.click()


def storage(page: Page) -> int:
    """How many things the page keeps in the browser."""
    kept: int = page.evaluate("localStorage.length + sessionStorage.length")
    return kept


def test_a_developer_signs_in_on_the_page_and_a_call_answers(watched: Watched, told: Any) -> None:
    """RFC 6749 §4.1 and RFC 7636, by our own consent page; the tokens end with the page."""
    page = watched.page
    page.goto(f"{told['docs']}#/customers/list_customers")
    window = authorize(page)
    sign_in(window, told["email"], told["password"])
    expect(window.get_by_role("heading", level=1)).to_contain_text("API reference")
    expect(window.get_by_text("See your customers")).to_be_visible()
    expect(window.get_by_text("Add, change and remove customers")).not_to_be_visible()
    answer(window, "Allow")
    page.locator(".dialog-ux").get_by_role("button", name="Remove authorization").wait_for()
    page.locator(".dialog-ux .btn-done").click()

    operation = page.locator("#operations-customers-list_customers")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    live = operation.locator(".live-responses-table")
    live.wait_for()
    expect(live.locator(".response-col_status").nth(1)).to_contain_text("200")
    expect(live).to_contain_text("Yusuf")

    assert storage(page) == 0
    page.reload()
    drawn(page)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".dialog-ux").get_by_role("button", name="Apply given OAuth2").wait_for()
    assert watched.problems == []
    assert all(url.startswith((told["issuer"], "data:")) for url in watched.asked)


def test_a_developer_who_denies_reads_why_nothing_happened(watched: Watched, told: Any) -> None:
    page = watched.page
    page.goto(told["docs"])
    # More than is ever allowed here: a consent that is remembered would not be asked for again.
    window = authorize(page, "customers:write")
    sign_in(window, told["email"], told["password"])
    answer(window, "Deny")

    page.locator(".dialog-ux .errors").wait_for()
    expect(page.locator(".dialog-ux .errors")).to_contain_text("access_denied")
    assert watched.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_link_opens_its_operation_and_the_policy_is_kept(
    new_page: Callable[..., Page], told: Any, scheme: str
) -> None:
    """From the page of an operation to where it can be tried."""
    watched = Watched(new_page(color_scheme=scheme))
    page = watched.page
    page.goto(f"{told['issuer']}/docs/reference/create_customer")
    page.get_by_role("main").get_by_role("paragraph").get_by_role("link", name="Try it").click()
    drawn(page)
    operation = page.locator("#operations-customers-create_customer")
    operation.get_by_role("button", name="Try it out").wait_for()
    expect(operation).to_be_in_viewport()
    expect(operation.get_by_role("link", name="reference/create_customer")).to_be_visible()
    expect(page.locator(".opblock.is-open")).to_have_count(1)
    expect(page.locator(".elsewhere")).to_be_hidden()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").wait_for()

    assert watched.problems == []
    assert all(url.startswith((told["issuer"], "data:")) for url in watched.asked)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        ({"code": "c", "state": "s", "iss": "ISSUER"}, "the code c"),
        ({"code": "c", "state": "another", "iss": "ISSUER"}, "does not belong to the question"),
        ({"code": "c", "state": "s", "iss": "https://evil.example"}, "does not belong"),
        ({"code": "c", "state": "s"}, "does not belong"),
        ({"error": "access_denied", "state": "s", "iss": "ISSUER"}, "access_denied: no code came"),
    ],
)
def test_only_the_answer_to_the_pages_question_is_handed_to_it(
    watched: Watched, told: Any, answer: dict[str, str], heard: str
) -> None:
    """RFC 6749 §10.12 (state) and RFC 9207 §2.4 (iss)."""
    query = urlencode({name: v.replace("ISSUER", told["issuer"]) for name, v in answer.items()})
    watched.page.goto(f"{told['issuer']}/docs/reference")
    said = watched.page.evaluate(
        """address => new Promise(resolve => {
            window.swaggerUIRedirectOauth2 = {
                state: "s",
                auth: {name: "oauth2"},
                callback: ({auth}) => resolve(`the code ${auth.code}`),
                errCb: ({message}) => resolve(message),
            };
            window.open(address);
        })""",
        f"{told['issuer']}/docs/oauth2-redirect?{query}",
    )

    assert heard in said
    assert watched.problems == []


def test_an_answer_that_no_page_waits_for_is_told_so(watched: Watched, told: Any) -> None:
    watched.page.goto(f"{told['issuer']}/docs/oauth2-redirect?code=c&state=s")

    expect(watched.page.get_by_text("No page waits for this answer")).to_be_visible()


@pytest.mark.parametrize("path", ["reference", "reference/create_customer", "changelog"])
def test_the_pages_to_read_are_easy_to_use_on_any_screen(
    new_page: Callable[..., Page], told: Any, axe: Axe, path: str
) -> None:
    for options in ({"java_script_enabled": True}, {"viewport": PHONE, "color_scheme": "dark"}):
        page = new_page(**options)
        page.goto(f"{told['issuer']}/docs/{path}")
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")

        assert axe(page) == []
        assert width <= 0


def test_without_scripts_the_page_to_try_leads_to_the_pages_to_read(
    new_page: Callable[..., Page], told: Any
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(told["docs"])
    page.get_by_role("link", name="reference", exact=True).click()

    expect(page.get_by_role("heading", name="API reference")).to_be_visible()

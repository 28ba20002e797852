"""A person at the development pages of npm's oidc-provider, where any password will do."""

import ssl
from pathlib import Path
from urllib.parse import urljoin

import httpx2

from tests.web.flows import forms_on

MOST_STEPS = 12


def visit(issuer: str, ca_file: Path, url: str, answer: str = "allow") -> str:
    """Open an address, sign in as Alice, allow or deny; where the browser leaves the server."""
    with httpx2.Client(verify=ssl.create_default_context(cafile=ca_file)) as browser:
        page = browser.get(url)
        for _ in range(MOST_STEPS):
            if page.is_redirect:
                url = urljoin(url, page.headers["location"])
                if not url.startswith(issuer):
                    return url
                page = browser.get(url)
            elif answer == "deny":
                url = f"{url}/abort"
                page = browser.get(url)
            else:
                url, page = _fill_in(browser, page)
    raise AssertionError(f"still at {url} after {MOST_STEPS} steps")


def _fill_in(browser: httpx2.Client, page: httpx2.Response) -> tuple[str, httpx2.Response]:
    """Where the page's form goes, and what came of it."""
    assert page.status_code == 200, page.text
    [form] = forms_on(page)
    filled = dict(form.fields)
    if "login" in filled:
        filled |= {"login": "alice", "password": "any will do"}
    return form.action, browser.post(form.action, data=filled)

"""A person at a browser: follows redirects, fills in the forms of pages, presses a button.

It starts from any address a client library makes and ends at the address the app is called at.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin

from httpx2 import Client, Response

from tests.web.flows import forms_on

MOST_STEPS = 12


def query_of(address: str) -> dict[str, str]:
    """What an address brings in its query; by text, for not every scheme here is a valid one."""
    pairs = parse_qsl(address.partition("?")[2], keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a parameter came twice"
    return dict(pairs)


@dataclass(slots=True)
class Visitor:
    """Somebody with a password and a cookie jar; `seen` are the pages shown, oldest first."""

    browser: Client
    issuer: str
    email: str
    password: str
    seen: list[Response] = field(default_factory=list)

    def visit(self, address: str, answer: str = "allow") -> str:
        """Open an address and do what the pages ask; the address at which the browser leaves us."""
        response = self.browser.get(address)
        for _ in range(MOST_STEPS):
            if not response.is_redirect:
                response = self._fill_in(response, answer)
                continue
            location = response.headers["location"]
            if not location.startswith(("/", f"{self.issuer}/")):
                return str(location)
            response = self.browser.get(urljoin(str(response.url), location))
        raise AssertionError(f"still at {response.url.path} after {MOST_STEPS} steps")

    def _fill_in(self, page: Response, answer: str) -> Response:
        assert page.status_code == 200, page.text
        self.seen.append(page)
        [form] = forms_on(page)
        filled = dict(form.fields)
        if "password" in filled:
            filled |= {"email": self.email, "password": self.password}
        if form.buttons:
            assert answer in form.buttons
            filled |= {"answer": answer}
        address = urljoin(str(page.url), form.action)
        return self.browser.post(address, data=filled, headers={"Origin": self.issuer})

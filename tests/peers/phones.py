"""The requests of the two mobile clients, written as their libraries write them (wire §d).

AppAuth makes the authorization and token requests; Dio, a Dart library, makes the calls of the
API. `http.client` adds nothing of its own but `Host`, and follows no redirect. What the clients
can read of an answer is here too.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tests.together.server import App, RunningServer
from tests.web.flows import basic

SECONDS_TO_WAIT = 15

FORM = "application/x-www-form-urlencoded"
# AppAuth-Android, net.openid.appauth.AuthorizationService: HttpURLConnection.
ANDROID: Mapping[str, str] = {
    "Accept": "application/json",
    "Content-Type": FORM,
    "User-Agent": "Dalvik/2.1.0 (Linux; U; Android 15; Pixel 8 Build/AP4A.250105.002)",
    "Connection": "Keep-Alive",
    "Accept-Encoding": "gzip",
}
# AppAuth-iOS, OIDTokenRequest: NSURLSession.
IOS: Mapping[str, str] = {
    "Content-Type": f"{FORM}; charset=UTF-8",
    "Accept": "*/*",
    "Accept-Language": "en-GB,en;q=0.9",
    "Accept-Encoding": "gzip, deflate, br",
    "User-Agent": "Runner/1 CFNetwork/1568.300.101 Darwin/24.2.0",
    "Connection": "keep-alive",
}
DART: Mapping[str, str] = {"user-agent": "Dart/3.8 (dart:io)", "accept-encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body; AppAuth and Dio decode it only if it says that it is JSON."""
        assert self.headers["content-type"].partition(";")[0] == "application/json"
        return json.loads(self.text)


def send(
    method: str, url: str, tls: ssl.SSLContext, headers: Mapping[str, str], body: str = ""
) -> Reply:
    """One request, with these headers and `Host` (and `Content-Length` if there is a body)."""
    parts = urlsplit(url)
    connection = HTTPSConnection(parts.netloc, context=tls, timeout=SECONDS_TO_WAIT)
    connection.putrequest(method, parts.path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body.encode("ascii") if body else None)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8")
    connection.close()
    return Reply(answer.status, {n.lower(): v for n, v in answer.getheaders()}, text)


def authorization_address(endpoint: str, parameters: Mapping[str, str]) -> str:
    """As android.net.Uri.Builder writes a query: a space is %20."""
    return f"{endpoint}?{urlencode(parameters, quote_via=quote, safe='')}"


def token_request(
    form: Mapping[str, str], client_id: str, secret: str | None, phone: Mapping[str, str]
) -> tuple[Mapping[str, str], str]:
    """Headers and body of AppAuth's token requests.

    With a secret: HTTP Basic, and no client_id in the body. Without: client_id in the body.
    """
    if secret is None:
        return phone, urlencode({**form, "client_id": client_id})
    return {**phone, **basic(client_id, secret)}, urlencode(form)


def checked_tokens(reply: Reply) -> Any:
    """A token response that AppAuth takes on both systems (wire §d.1 A2, §d.4 B4 and B6)."""
    assert reply.status == 200, reply.text  # exactly, and no redirect
    tokens = reply.json
    assert tokens["token_type"] == "Bearer"
    assert type(tokens["expires_in"]) is int
    assert tokens["expires_in"] > 30  # else CLI-A refreshes a second time at once
    assert "expires_at" not in tokens  # AppAuth-Android would read milliseconds
    for name in ("access_token", "refresh_token"):
        assert len(tokens[name]) >= 20  # CLI-B shows the first 20 characters
    return tokens


@dataclass(frozen=True, slots=True)
class Phone:
    """An app on a phone: AppAuth's headers, and the server it talks to."""

    server: RunningServer
    app: App
    headers: Mapping[str, str]

    def ask_token(self, **form: str) -> Any:
        """A token request of AppAuth (A2, A5, B3), and what it needs back."""
        headers, body = token_request(
            form, self.app.client_id, self.app.client_secret, self.headers
        )
        reply = send("POST", f"{self.server.url}/oauth/token", self.server.trust(), headers, body)
        return checked_tokens(reply)

    def get(self, path: str, **headers: str) -> Reply:
        """A call of Dio's."""
        address = f"{self.server.url}{path}"
        return send("GET", address, self.server.trust(), {**DART, **headers})


def first_list(body: Any, names: tuple[str, ...]) -> list[Any]:
    """CLI-A's way to a list: itself, or under a known name, one object deep at most."""
    for _ in range(2):
        if isinstance(body, list):
            return body
        body = next(body[name] for name in names if body.get(name) is not None)
    assert isinstance(body, list)
    return body


def first_text(item: Any, *names: str) -> str:
    """CLI-A takes the first of these that is not blank; numbers become text."""
    return next((str(item[name]) for name in names if item.get(name) not in (None, "")), "")


def tenants_in(reply: Reply) -> list[tuple[str, str, str]]:
    """Id, name and logo of each tenant as CLI-A reads them (wire §d.2)."""
    assert reply.status == 200, reply.text
    return [
        (
            first_text(item, "id", "tenant_id", "tenantId", "clinic_id", "clinicId"),
            first_text(item, "name", "title", "company_name", "companyName"),
            first_text(item, "logo_url", "logoUrl", "avatar_url", "avatarUrl"),
        )
        for item in first_list(reply.json, ("data", "tenants", "clinics", "items", "results"))
    ]


def customers_in(reply: Reply) -> set[tuple[str, str, str]]:
    """Name, e-mail address and phone number as CLI-A reads them (wire §d.3)."""
    assert reply.status == 200, reply.text
    found = set()
    for item in first_list(reply.json, ("data", "customers", "items", "results", "records")):
        assert first_text(item, "id", "_id", "customerId", "customer_id")
        name = first_text(item, "name", "fullName", "displayName", "companyName")
        first = first_text(item, "firstName", "first_name")
        last = first_text(item, "lastName", "last_name")
        found.add(
            (
                name or f"{first} {last}",
                first_text(item, "email", "mail"),
                first_text(item, "phone", "phoneNumber", "phone_number", "mobile"),
            )
        )
    return found

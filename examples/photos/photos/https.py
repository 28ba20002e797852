"""One HTTPS request, one answer. HTTPS only, no redirects followed, everything bounded."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from .problems import Problem

TIMEOUT_SECONDS = 15
LARGEST_ANSWER_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The JSON object in the body, or an empty one if there is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Send(Protocol):
    """Send a form with POST, or GET if there is no form; raise Problem if nobody answers."""

    def __call__(
        self, url: str, *, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Answer: ...


def over_https(ca_file: Path | None) -> Send:
    """Send for real, trusting `ca_file` alone (PEM), or the system's authorities if None.

    The certificate is always checked: a token sent to an impostor is a token lost. Redirects are
    not followed, because they could carry a token or a secret somewhere else.
    """
    trust = ssl.create_default_context(cafile=ca_file)

    def send(
        url: str, *, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Answer:
        place = urlsplit(url)
        if place.scheme != "https" or not place.hostname:
            raise Problem("unreachable", "Only https addresses are called.")
        connection = HTTPSConnection(
            place.hostname, place.port, timeout=TIMEOUT_SECONDS, context=trust
        )
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        sent = {"Accept": "application/json", **headers}
        body = None
        if form is not None:
            body = urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request("GET" if body is None else "POST", target, body, sent)
            response = connection.getresponse()
            content = response.read(LARGEST_ANSWER_BYTES)
        except (OSError, HTTPException) as cause:
            raise Problem("unreachable", f"{place.netloc}: {type(cause).__name__}") from cause
        finally:
            connection.close()
        return Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, content
        )

    return send

"""The wire to the server: asks, waits, asks again, and learns the server's clock."""

import asyncio
import ssl
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import httpx2

from flextell_sdk.app import App
from flextell_sdk.errors import ServerMisconfigured, TokenRequestRefused, Unreachable
from flextell_sdk.freshness import learned_offset
from flextell_sdk.patience import PASSING, Patience, retry_after
from flextell_sdk.server import Server, metadata_urls, read_metadata
from flextell_sdk.sources import Sources
from flextell_sdk.token_endpoint import Heard

T = TypeVar("T")

HEADERS = {"user-agent": "flextell-sdk", "accept": "application/json"}

# How often an ordinary answer is asked for the time: clocks jump seldom.
GLANCE_SECONDS = 30.0
# How long a pause goes on after somebody wants to end.
SLICE_SECONDS = 0.25
# The request has not left: asking again cannot do anything twice.
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Wire:
    """One app's way to its server. Safe to use from many threads, and after a fork."""

    def __init__(
        self,
        app: App,
        sources: Sources,
        transport: httpx2.BaseTransport | None = None,
        async_transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.app = app
        self.sources = sources
        self.patience = Patience(app.patience_seconds)
        self._transport = transport
        self._async_transport = async_transport
        self._offset: float | None = None
        self._glance_at = 0.0
        self._discovery: Future[Server] | None = None
        self._ending = threading.Event()
        self._lock = threading.RLock()
        self._trust: ssl.SSLContext | None = None
        self._http: httpx2.Client | None = None
        self._tasks_http: weakref.WeakKeyDictionary[object, httpx2.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )
        self._closing: weakref.finalize[[], Wire] | None = None
        self._of_parent: list[object] = []

    def start_anew(self) -> None:
        """In the child of a fork: leave the parent its connections, and take a lock of our own."""
        if self._closing is not None:
            # Closing them here would say good-bye on the parent's sockets.
            self._of_parent.append(self._closing.detach())
        self._of_parent.append(self._tasks_http)
        self._http, self._closing = None, None
        self._tasks_http = weakref.WeakKeyDictionary()
        self._discovery, self._ending = None, threading.Event()
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the connections of threads; the next question opens new ones."""
        with self._lock:
            if self._closing is not None:
                self._closing()
            self._http, self._closing = None, None

    async def close_of_tasks(self) -> None:
        """Close the connections of this event loop's tasks."""
        http = self._tasks_http.pop(asyncio.get_running_loop(), None)
        if http is not None:
            await http.aclose()

    def http(self) -> httpx2.Client:
        """The connections that all threads share."""
        found = self._http
        if found is None:
            with self._lock:
                found = self._http = self._http or self._new_http()
        return found

    def http_of_tasks(self) -> httpx2.AsyncClient:
        """The connections that the tasks of this event loop share."""
        loop = asyncio.get_running_loop()
        found = self._tasks_http.get(loop)
        if found is None:
            found = self._tasks_http[loop] = httpx2.AsyncClient(
                verify=self._trusted(),
                timeout=self.app.timeout_seconds,
                transport=self._async_transport,
                headers=HEADERS,
            )
        return found

    def _trusted(self) -> ssl.SSLContext:
        # Made once: it takes tens of milliseconds, which an event loop would feel.
        if self._trust is None:
            self._trust = self.app.trust()
        return self._trust

    def _new_http(self) -> httpx2.Client:
        http = httpx2.Client(
            verify=self._trusted(),
            timeout=self.app.timeout_seconds,
            transport=self._transport,
            headers=HEADERS,
        )
        self._closing = weakref.finalize(self, http.close)
        return http

    @property
    def clock_offset(self) -> float:
        """The server's clock minus ours, in seconds, as far as is known."""
        return self._offset or 0.0

    def server_now(self) -> float:
        """Seconds since 1970 by the server's clock."""
        return self.sources.now() + (self._offset or 0.0)

    def suppose(self, offset: float) -> None:
        """What another program learned of the server's clock, until it speaks for itself."""
        if self._offset is None:
            self._offset = offset

    def glance(self, response: httpx2.Response, asked: float) -> None:
        """Learn from the `Date` of an answer to what was asked at `asked`, now and then."""
        if self.sources.monotonic() >= self._glance_at:
            self.learn(response, asked)

    def learn(self, response: httpx2.Response, asked: float) -> None:
        """Learn from an answer's `Date`."""
        self._glance_at = self.sources.monotonic() + GLANCE_SECONDS
        date = response.headers.get("date")
        # Out of a cache it is the time of another answer (RFC 9111 §5.1).
        if date and "age" not in response.headers:
            self._offset = learned_offset(date, asked, self.sources.now(), self.clock_offset)

    def hurry(self) -> None:
        """Have whoever pauses between two tries give up; what is asked from now on is patient."""
        self._ending.set()
        self._ending = threading.Event()

    def server(self) -> Server:
        """The server's metadata, found once, by one for all who wait (RFC 8414 §3).

        Raises Unreachable, ServerMisconfigured.
        """
        with self._lock:
            discovery = self._discovery
            if discovery is not None and not _has_failed(discovery):
                mine = False
            else:
                discovery, mine = Future(), True
                self._discovery = discovery
        if mine:
            self._discover(discovery)
        return discovery.result()

    def _discover(self, discovery: "Future[Server]") -> None:
        try:
            discovery.set_result(self._discovered())
        except BaseException as problem:  # noqa: BLE001 - it is handed to all who wait
            discovery.set_exception(problem)

    def _discovered(self) -> Server:
        for url in metadata_urls(self.app.issuer):
            document = self.ask(httpx2.Request("GET", url), _document)
            if document is not None:
                return read_metadata(self.app, document)
        raise ServerMisconfigured("There is no metadata of an authorization server at the issuer.")

    def ask(
        self,
        request: httpx2.Request,
        read: Callable[[Heard], T],
        patience: Patience | None = None,
        *,
        only_if_not_sent: bool = False,
    ) -> T:
        """What `read` makes of the answer; asks again while that may help.

        As patient as the app, unless told. With `only_if_not_sent` a request that may have
        arrived is not sent twice. Raises Unreachable, ServerMisconfigured, and what `read` raises.
        """
        ending = self._ending
        began = self.sources.monotonic()
        attempt = 0
        while True:
            attempt += 1
            asked_for = None
            try:
                heard = self._send(request)
                if heard.response.status_code not in PASSING:
                    return read(heard)
                asked_for = retry_after(
                    heard.response.headers.get("retry-after"), self.server_now()
                )
                problem: Exception = _refusal_of(heard, read)
            except (httpx2.RequestError, Unreachable) as failure:
                refuse_if_untrusted(failure)
                problem = failure
            may_repeat = not only_if_not_sent or isinstance(problem, NOT_SENT)
            spent = self.sources.monotonic() - began
            pause = (patience or self.patience).pause(
                attempt, spent, asked_for, self.sources.fraction()
            )
            if not may_repeat or pause is None or not self._paused(pause, ending):
                if not isinstance(problem, httpx2.RequestError):
                    raise problem
                raise unanswered(request, problem) from problem

    def _paused(self, seconds: float, ending: threading.Event) -> bool:
        """Wait; False, and sooner, if the program is about to end."""
        while seconds > 0 and not ending.is_set() and threading.main_thread().is_alive():
            self.sources.pause(min(seconds, SLICE_SECONDS))
            seconds -= SLICE_SECONDS
        return seconds <= 0

    def _send(self, request: httpx2.Request) -> Heard:
        asked = self.sources.now()
        response = self.http().send(request)
        self.learn(response, asked)
        return Heard(response, asked + self.clock_offset, self.clock_offset)


def refuse_if_untrusted(problem: BaseException | None) -> None:
    """Raises ServerMisconfigured for a certificate that is not trusted: no second try mends it."""
    while problem is not None:
        if isinstance(problem, ssl.SSLCertVerificationError):
            raise ServerMisconfigured(
                f"The server's certificate is not trusted: {problem.verify_message}."
            ) from problem
        problem = problem.__cause__ or problem.__context__


def _has_failed(future: "Future[Server]") -> bool:
    return future.done() and future.exception() is not None


def _document(heard: Heard) -> dict[str, object] | None:
    """A metadata document, None where there is none."""
    is_json = "json" in heard.response.headers.get("content-type", "json")
    if not heard.response.is_success or not is_json:
        return None
    try:
        document = heard.response.json()
    except ValueError:
        raise Unreachable("The server's metadata cannot be read.") from None
    if not isinstance(document, dict):
        raise Unreachable("The server's metadata cannot be read.")
    return document


def _refusal_of(heard: Heard, read: Callable[[Heard], T]) -> Exception:
    """Why the answer is no answer: what it says itself, if it says so."""
    try:
        read(heard)
    except (TokenRequestRefused, Unreachable) as refusal:
        return refusal
    return Unreachable(f"The answer was {heard.response.status_code}.")


def unanswered(request: httpx2.Request, problem: Exception) -> Unreachable:
    """What is said of a transport that failed: it names the host, and no more."""
    return Unreachable(f"No answer from {request.url.host} that can be read: {problem!r}")

"""The sample app "Terminal": a loopback address that takes a code for the person's curl lines.

RFC 8252 §7.3 (loopback redirect), RFC 7636 (PKCE), RFC 9207 (the answer names its server).
"""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shlex import quote
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

from flextell.cli.sample import TERMINAL_PATH, terminal_secret_file
from flextell.files import PRIVATE, write_atomically
from flextell.oauth.pkce import challenge_of

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Terminal</title>
<meta name="viewport" content="width=device-width"><h1>{title}</h1><p>{text}</p></html>"""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
ARRIVED = "Now paste the curl lines into a terminal, the first within a minute. Close this page."
REFUSED = "No access was given. Open the address again to try once more."
STRANGE = "This answer does not belong to the address that was printed. Open that one again."


@dataclass(frozen=True, slots=True)
class Terminal:
    """One run of the app: what only it knows, and where its files are."""

    issuer: str
    client_id: str
    port: int
    folder: Path
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def redirect_uri(self) -> str:
        """Where the browser brings the code."""
        return f"http://127.0.0.1:{self.port}{TERMINAL_PATH}"

    @property
    def code_file(self) -> Path:
        """Where the code waits for the first curl line."""
        return self.folder / "terminal-code"

    @property
    def verifier_file(self) -> Path:
        """Where the PKCE verifier waits for it."""
        return self.folder / "terminal-verifier"

    @property
    def tokens_file(self) -> Path:
        """Where curl puts the tokens."""
        return self.folder / "terminal-tokens.json"


def prepare_files(app: Terminal) -> None:
    """Files for this user alone, before curl writes secrets to them. Raises OSError."""
    write_atomically(app.verifier_file, app.verifier.encode(), PRIVATE)
    write_atomically(app.code_file, b"", PRIVATE)
    if not app.tokens_file.exists():
        write_atomically(app.tokens_file, b"{}", PRIVATE)


def authorize_url(app: Terminal, scope: str) -> str:
    """The address to open in the browser (RFC 6749 §4.1.1)."""
    challenge = challenge_of(app.verifier)
    question = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "scope": scope,
        "state": app.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{app.issuer}/oauth/authorize?{urlencode(question)}"


def curl_lines(app: Terminal, ca_file: Path) -> tuple[str, str, str]:
    """Exchange the code, call the API, refresh: lines for any POSIX shell, ready to be pasted.

    The client secret and the code stay in their files.
    """
    tokens = quote(str(app.tokens_file))
    curl = f"curl -sS --cacert {quote(str(ca_file))}"
    client = (
        f"-d client_id={app.client_id} "
        f"--data-urlencode {quote(f'client_secret@{terminal_secret_file(app.folder)}')}"
    )
    keep = f"-o {tokens} {app.issuer}/oauth/token && cat {tokens}"

    def from_answer(member: str) -> str:
        return f"""$(sed 's/.*"{member}":"//; s/".*//' {tokens})"""

    return (
        f"{curl} {client} -d grant_type=authorization_code "
        f"--data-urlencode {quote(f'code@{app.code_file}')} "
        f"--data-urlencode {quote(f'code_verifier@{app.verifier_file}')} "
        f"-d redirect_uri={app.redirect_uri} {keep}",
        f'{curl} -H "Authorization: Bearer {from_answer("access_token")}" '
        f"{app.issuer}/api/v1/customers",
        f"{curl} {client} -d grant_type=refresh_token "
        f'-d "refresh_token={from_answer("refresh_token")}" {keep}',
    )


@contextmanager
def listening(app: Terminal, say: Callable[[str], None]) -> Iterator[None]:
    """Take answers at the redirect URI while the body runs. Raises OSError if the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "Terminal"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            status, title, text = judge(app, self.path, say)
            body = PAGE.format(title=title, text=text).encode()
            self.send_response(status)
            for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the line would hold the code."""

    with ThreadingHTTPServer(("127.0.0.1", app.port), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()


def judge(app: Terminal, target: str, say: Callable[[str], None]) -> tuple[int, str, str]:
    """Status, title and text for what the browser brought; a good code is put into its file."""
    address = urlsplit(target)
    if address.path != TERMINAL_PATH:
        return 404, "Not found", "There is nothing here."
    answer = parse_qs(address.query)
    state, issuer = answer.get("state", [""]), answer.get("iss", [""])
    ours = len(state) == 1 and hmac.compare_digest(state[0].encode(), app.state.encode())
    if not ours or issuer != [app.issuer]:
        return 400, "Not accepted", STRANGE
    codes = answer.get("code", [])
    if len(codes) != 1:
        say(f"Terminal: {REFUSED}")
        return 200, "No access", REFUSED
    write_atomically(app.code_file, codes[0].encode(), PRIVATE)
    say("Terminal has a code: paste the three curl lines now, the first within a minute.")
    return 200, "Terminal has its code", ARRIVED

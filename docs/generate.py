"""Write the pages that are made from code, so that they cannot say anything else.

    python docs/generate.py            writes what changed
    python docs/generate.py --check    says what would change, and fails if anything would

The pages are made whole; in rotation.md only the table between the two markers is.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from flextell import cli, exits, http_protocol, metrics, settings, transport
from flextell.api import errors as api_errors
from flextell.api import routes
from flextell.api.routes import PREFIX, TABLE
from flextell.api.row import Row
from flextell.oauth import bearer, errors, scopes
from flextell.oauth.grants import refresh_token
from flextell.reference.changes import RELEASES
from flextell.tenants import access
from flextell.web import answers

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SOURCE = ROOT / "src" / "flextell"

START = "<!-- generated: the table of refresh_token.py -->"
END = "<!-- end -->"


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────


def heading(title: str, source: str) -> str:
    """The first lines of a page that is made whole."""
    return f"# {title}\n\nMade from {source} by `docs/generate.py`: change the code, not this page."


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table. A bar inside a cell stays a bar."""
    names = list(columns)
    lines = [names, ["---"] * len(names)]
    lines += [[str(cell).replace("|", r"\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(value: object) -> str:
    """Text as code; nothing stays nothing."""
    return f"`{value}`" if value not in ("", None) else ""


def page(*parts: str) -> str:
    """The parts with an empty line between them."""
    return "\n\n".join(parts) + "\n"


# ── settings.md ──────────────────────────────────────────────────────────────────────────────

SPANS = ((settings.DAY, "day"), (settings.HOUR, "hour"), (settings.MINUTE, "minute"))


def spoken(seconds: int) -> str:
    """A number of seconds as people say it, if there is a rounder word for it."""
    for length, name in SPANS:
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {name}{'s' * (count > 1)}"
    return ""


def default(line: settings.SettingLine) -> str:
    """The default, with the rounder word for it in brackets."""
    word = spoken(int(line.default)) if line.unit == "seconds" else ""
    return f"{code(line.default)} ({word})" if word else code(line.default)


def settings_page() -> str:
    """Every setting."""
    return page(
        heading("Settings", "[`settings.py`](../src/flextell/settings.py)"),
        "Each setting is an environment variable. They are read once, when the server starts; a "
        "value that cannot be is refused there, in one sentence. An empty default is explained in "
        "the last column. `flextell settings` prints this table.",
        table(
            ("variable", "default", "unit", "what it is"),
            (
                (code(line.variable), default(line), line.unit, line.help)
                for line in settings.table()
            ),
        ),
    )


# ── scopes.md ────────────────────────────────────────────────────────────────────────────────


def opened_by(scope: str) -> str:
    """The API endpoints that a token with this scope may use."""
    return "<br>".join(
        code(f"{row.method} {routes.PREFIX}{row.path}")
        for row in routes.TABLE
        if scope in row.scopes
    )


def scopes_page() -> str:
    """Every scope, and the older names of some."""
    return page(
        heading("Scopes", "[`oauth/scopes.py`](../src/flextell/oauth/scopes.py)"),
        "An app asks for scopes; a person sees the sentence of each and allows all or none. An app "
        "can only ask for scopes that it is registered with. The last column has the endpoints "
        "that this version answers; a scope without one is accepted and opens nothing yet.",
        table(
            ("scope", "lets an app", "what the person reads", "opens"),
            (
                (code(line.scope), line.kind, line.sentence, opened_by(line.scope))
                for line in scopes.CATALOGUE.values()
            ),
        ),
        "## Other names",
        "Apps in the field send these; they mean the scopes beside them. `read` and `write` mean "
        "all of their kind that the app is registered for. Tokens and answers always use the "
        "names above.",
        table(
            ("name", "means"),
            (
                (code(alias), " ".join(code(s) for s in sorted(meaning)))
                for alias, meaning in scopes.ALIASES.items()
            ),
        ),
    )


# ── errors.md ────────────────────────────────────────────────────────────────────────────────

# What each code of the API means to a caller; the statuses are the code's own.
API_MEANINGS: Mapping[str, str] = {
    "invalid_request": "A parameter or header is missing, repeated or malformed.",
    "unauthorized": "There is no access token in the request.",
    "invalid_token": "The access token is malformed, expired or revoked; the message says which.",
    "insufficient_scope": "The token is good, but not for this; the message names the scope.",
    "forbidden": "The person may not do this, or not in this tenant.",
    "not_found": "There is nothing at this path, or nothing with this id for this caller.",
    "method_not_allowed": "The path has other methods; the header `Allow` lists them.",
    "conflict": "A value that must be unique is taken, or the state does not allow it.",
    "precondition_failed": "It has changed since it was read: `If-Match` names an older state.",
    "payload_too_large": "The body is larger than this server takes.",
    "range_not_satisfiable": "A part of a file was asked for that lies beyond its end.",
    "unsupported_media_type": "The body has another type than the endpoint takes.",
    "validation_error": "A value is well-formed but breaks a rule; the message names it.",
    "rate_limit_exceeded": "Too many requests in this window; wait as long as `Retry-After` says.",
    "server_error": "A mistake of ours; name the header `Request-Id` when you report it.",
    "service_unavailable": "The data cannot be reached; try again after `Retry-After` seconds.",
}


def first_sentence(thing: type) -> str:
    """What a class says of itself in its first line."""
    return (thing.__doc__ or "").partition("\n")[0]


def below(thing: type[errors.OAuthError]) -> Iterator[type[errors.OAuthError]]:
    """Every class that inherits from it."""
    for child in thing.__subclasses__():
        yield child
        yield from below(child)


def raised_in(kind: type[errors.OAuthError]) -> set[str]:
    """The names of the files that raise it: what none raises is no error of ours."""
    return {
        file.name
        for file in SOURCE.rglob("*.py")
        if file.name != "errors.py" and re.search(rf"\b{kind.__name__}\(", file.read_text())
    }


def oauth_errors() -> Iterator[tuple[str, int | str, str]]:
    """Each error of `/oauth/*`: its code, the status of its JSON answer, when it comes."""
    for kind in below(errors.OAuthError):
        if places := raised_in(kind):
            status = "redirect" if places == {"authorize.py"} else kind.status
            yield code(kind.code), status, first_sentence(kind)


def api_errors_in_use() -> Iterator[tuple[str, int, str]]:
    """Each error of `/api` that some endpoint answers already."""
    sources = [*(SOURCE / "api").rglob("*.py"), SOURCE / "oauth" / "bearer.py"]
    text = "\n".join(file.read_text() for file in sources)
    for name, status in api_errors.STATUS.items():
        if text.count(f'"{name}"') > 1:  # once is the table itself
            yield code(name), status, API_MEANINGS[name]


def bearer_refusals() -> list[bearer.BearerRefusal]:
    """One of each way in which a token does not open a door."""
    return [
        bearer.MissingToken(),
        bearer.MalformedBearer(),
        bearer.ExpiredBearer(),
        bearer.RevokedBearer(),
        bearer.InsufficientScope(("customers:read",)),
    ]


def errors_page() -> str:
    """Every error that leaves the server or the command line."""
    plain_http = orjson.loads(transport.REFUSAL)
    return page(
        heading(
            "Errors",
            "[`oauth/errors.py`](../src/flextell/oauth/errors.py), "
            "[`oauth/bearer.py`](../src/flextell/oauth/bearer.py), "
            "[`web/answers.py`](../src/flextell/web/answers.py), "
            "[`api/errors.py`](../src/flextell/api/errors.py) and "
            "[`exits.py`](../src/flextell/exits.py)",
        ),
        "## From `/oauth/*`",
        "The endpoints for machines answer JSON: `error`, `error_description` and `message`, the "
        "last two with the same text (RFC 6749 §5.2). The authorization endpoint sends `error` and "
        "`error_description` back to the app in the redirect (RFC 6749 §4.1.2.1); while the app or "
        "its redirect_uri is unproven, it shows a page and sends nothing. The status is that of "
        "the JSON answer; *redirect* stands for errors that only go back to the app.",
        table(
            ("error", "status", "when"),
            oauth_errors(),
        ),
        "What is wrong before any protocol looks at it has a code of its own; a body or a query "
        "that is no form is `invalid_request`, status 400.",
        table(
            ("error", "status"),
            (
                *((code(name), int(status)) for status, name in answers.PROBLEM_CODES.items()),
                (code("server_error"), 500),
                (code("temporarily_unavailable"), 503),
            ),
        ),
        "## From `/api`",
        "The body is `{error, message}` and nothing else.",
        table(
            ("error", "status", "when"),
            api_errors_in_use(),
        ),
        "A token that does not open the door is answered with a challenge in the header "
        "`WWW-Authenticate: Bearer` (RFC 6750 §3). The message says how to resolve it.",
        table(
            ("cause", "status", "`error` in the body", "`error` in the challenge", "message"),
            (
                (
                    first_sentence(type(refusal)),
                    refusal.status,
                    code(refusal.error),
                    code(refusal.challenge_error) or "none",
                    refusal.message,
                )
                for refusal in bearer_refusals()
            ),
        ),
        "## Over plain HTTP",
        "Every request gets this answer, with status 403, and is never redirected.",
        table(("error", "message"), ((code(plain_http["error"]), plain_http["message"]),)),
        "## Before a request is whole",
        "What is no valid HTTP/1.1, too large or too slow gets `{error, message}`, and the "
        "connection is closed.",
        table(
            ("error", "status"),
            ((code(name), status) for status, name in http_protocol.REFUSALS.items()),
        ),
        "## Exit codes of `flextell`",
        "A number never changes its meaning. With `--json` the error is a line of JSON on standard "
        "error: `error` is the name in lower case, `message` the sentence.",
        table(
            ("code", "name", "meaning"),
            (
                *((int(number), number.name, text) for number, text in exits.MEANINGS.items()),
                (cli.INTERRUPTED, "", "Interrupted, or not confirmed."),
                (cli.READER_LEFT, "", "Whoever read the output left before its end."),
            ),
        ),
    )


# ── metrics.md ───────────────────────────────────────────────────────────────────────────────


def sample_names(metric: metrics.Metric) -> str:
    """What a query asks for."""
    match metric.kind:
        case "counter":
            return code(f"{metric.name}_total")
        case "histogram":
            return "<br>".join(code(metric.name + end) for end in ("_bucket", "_count", "_sum"))
        case _:
            return code(metric.name)


def metrics_page() -> str:
    """Every metric of ours."""
    return page(
        heading("Metrics", "[`metrics.py`](../src/flextell/metrics.py)"),
        "`GET /metrics` on the management port answers these, and of each process what Prometheus "
        "knows of any: `process_start_time_seconds`, `process_resident_memory_bytes`, "
        "`process_cpu_seconds_total`, `process_open_fds` and the like. A line appears when there "
        "is something to tell. [Operating](guides/operate.md) says what to look at.",
        "With several workers every line but those of the parent also has the label `worker`, the "
        "number of the worker: add them up, as in `sum without (worker) (...)`. No label ever "
        "holds what a stranger chose.",
        table(
            ("name", "type", "labels", "what it is"),
            (
                (
                    sample_names(metric),
                    metric.kind,
                    " ".join(code(label) for label in metric.labels),
                    metric.help,
                )
                for metric in metrics.TABLE
            ),
        ),
    )


# ── specifications.md ────────────────────────────────────────────────────────────────────────

TITLES: Mapping[str, str] = {
    "RFC 2606": "Reserved Top Level DNS Names",
    "RFC 3339": "Date and Time on the Internet: Timestamps",
    "RFC 3986": "Uniform Resource Identifier (URI): Generic Syntax",
    "RFC 5280": "Internet X.509 Public Key Infrastructure",
    "RFC 5737": "IPv4 Address Blocks Reserved for Documentation",
    "RFC 5869": "HMAC-based Key Derivation Function (HKDF)",
    "RFC 6265": "HTTP State Management Mechanism (cookies)",
    "RFC 6265bis": "Cookies: HTTP State Management Mechanism",
    "RFC 6585": "Additional HTTP Status Codes",
    "RFC 6749": "The OAuth 2.0 Authorization Framework",
    "RFC 6750": "OAuth 2.0 Bearer Token Usage",
    "RFC 6797": "HTTP Strict Transport Security",
    "RFC 6890": "Special-Purpose IP Address Registries",
    "RFC 7009": "OAuth 2.0 Token Revocation",
    "RFC 7301": "TLS Application-Layer Protocol Negotiation",
    "RFC 7469": "Public Key Pinning Extension for HTTP",
    "RFC 7515": "JSON Web Signature",
    "RFC 7517": "JSON Web Key",
    "RFC 7518": "JSON Web Algorithms",
    "RFC 7519": "JSON Web Token",
    "RFC 7617": "The Basic HTTP Authentication Scheme",
    "RFC 7636": "Proof Key for Code Exchange",
    "RFC 7638": "JSON Web Key Thumbprint",
    "RFC 7662": "OAuth 2.0 Token Introspection",
    "RFC 8037": "Ed25519 in JOSE",
    "RFC 8252": "OAuth 2.0 for Native Apps",
    "RFC 8265": "Preparation, Enforcement, and Comparison of Usernames and Passwords",
    "RFC 8414": "OAuth 2.0 Authorization Server Metadata",
    "RFC 8725": "JSON Web Token Best Current Practices",
    "RFC 8996": "Deprecating TLS 1.0 and TLS 1.1",
    "RFC 9068": "JWT Profile for OAuth 2.0 Access Tokens",
    "RFC 9106": "Argon2 Memory-Hard Function for Password Hashing",
    "RFC 9110": "HTTP Semantics",
    "RFC 9112": "HTTP/1.1",
    "RFC 9728": "OAuth 2.0 Protected Resource Metadata",
    "RFC 9207": "OAuth 2.0 Authorization Server Issuer Identification",
    "RFC 9325": "Recommendations for Secure Use of TLS",
    "RFC 9525": "Service Identity in TLS",
    "RFC 9562": "Universally Unique IDentifiers (UUIDs)",
    "RFC 9700": "Best Current Practice for OAuth 2.0 Security",
}

_CITED = re.compile(
    r"(?P<spec>RFC \d{4,5}(?:bis)?|OpenID Connect (?:Core|Discovery)|OAuth 2\.1"
    r"|OWASP ASVS [\d.]*\d|NIST SP [\dA-Z-]+)"
    r"|(?:§|\bsection )(?P<section>\d+(?:\.\d+)*)"
)


def cited(docstring: str) -> set[tuple[str, str]]:
    """The (specification, section) pairs of a docstring; a bare § belongs to the last one named."""
    found: set[tuple[str, str]] = set()
    spec, without_section = "", False
    for match in _CITED.finditer(re.sub(r"\s+", " ", docstring)):
        if match["spec"]:
            if without_section:
                found.add((spec, ""))
            spec, without_section = match["spec"], True
        elif spec:
            found.add((spec, match["section"]))
            without_section = False
    return found | ({(spec, "")} if without_section else set())


@dataclass(frozen=True, slots=True)
class Place:
    """Something with a docstring: its file below the root, and its name in it ("" for a file)."""

    file: str
    name: str

    @property
    def counts(self) -> bool:
        """Of the tests only tests count, not what they are made with."""
        is_test = self.name.rpartition(".")[2].startswith("test_")
        return is_test or not self.file.startswith("tests/")

    @property
    def link(self) -> str:
        """A link from the docs: a test's name is a sentence, a function's is a name."""
        short = self.file.removeprefix("src/flextell/")
        if self.file.startswith("tests/"):
            sentence = self.name.rpartition(".")[2].removeprefix("test_").replace("_", " ")
            return f"[{sentence}](../{self.file})"
        return f"[{short}](../{self.file}){f' `{self.name}`' if self.name else ''}"


def documented(file: Path) -> Iterator[tuple[Place, str]]:
    """The file, its functions, classes and methods, each with its docstring."""
    where = file.relative_to(ROOT).as_posix()

    def inside(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[Place, str]]:
        yield Place(where, prefix.rstrip(".")), ast.get_docstring(node) or ""
        for child in node.body:
            match child:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    yield Place(where, prefix + child.name), ast.get_docstring(child) or ""
                case ast.ClassDef():
                    yield from inside(child, f"{prefix}{child.name}.")

    yield from inside(ast.parse(file.read_text()), "")


def cited_below(folder: Path) -> dict[tuple[str, str], list[Place]]:
    """Which places below a folder name which section."""
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for file in sorted(folder.rglob("*.py")):
        if "node_modules" in file.parts:
            continue
        for place, docstring in documented(file):
            if place.counts:
                for citation in cited(docstring):
                    found[citation].append(place)
    return found


def in_order(citation: tuple[str, str]) -> tuple[bool, str, list[int]]:
    """RFCs by number, then the others by name; sections by number."""
    spec, section = citation
    return not spec.startswith("RFC"), spec, [int(n) for n in section.split(".") if n]


def section_link(spec: str, section: str) -> str:
    """The section, with its text one click away where it has an address of its own."""
    number = re.fullmatch(r"RFC (\d+)", spec)
    if number is None:
        return f"§{section}" if section else "as a whole"
    address = f"https://www.rfc-editor.org/rfc/rfc{number[1]}"
    if section:
        return f"[§{section}]({address}#section-{section})"
    return f"[as a whole]({address})"


def specifications_page() -> str:
    """Specification section → function → test."""
    handled, shown = cited_below(SOURCE), cited_below(ROOT / "tests")
    by_spec: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for citation in sorted(handled.keys() | shown.keys(), key=in_order):
        by_spec[citation[0]].append(citation)

    def links(places: list[Place]) -> str:
        return "<br>".join(place.link for place in places)

    parts = [
        heading("Specifications", "the docstrings below `src/flextell` and `tests`"),
        "Which section of which specification is obeyed where, and which test shows it. A place "
        "is listed when its docstring names the section; a test without one is not listed, so "
        "this table says less than the tests do.",
    ]
    for spec, citations in by_spec.items():
        title = TITLES.get(spec)
        parts.append(f"## {spec}{f': {title}' if title else ''}")
        parts.append(
            table(
                ("section", "where", "shown by"),
                (
                    (section_link(*c), links(handled.get(c, [])), links(shown.get(c, [])))
                    for c in citations
                ),
            )
        )
    return page(*parts)


# ── rotation.md ──────────────────────────────────────────────────────────────────────────────


def rotation_page() -> str:
    """The page as it is, with the table between its markers made anew."""
    text = (DOCS / "rotation.md").read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{refresh_token.printed()}\n\n{END}{after}"


# ── api.md ───────────────────────────────────────────────────────────────────────────────────


def api_page() -> str:
    """Every endpoint of the API, the scope it needs, and who may use it."""
    return page(
        heading("API", "the table in [`api/routes.py`](../src/flextell/api/routes.py)"),
        "The same paths answer under `/api/v0.0.1`. What each takes and returns, field by "
        "field, is in the OpenAPI document at `/api/openapi.json`; with samples, on the server's "
        "own pages at `/docs/reference`. The [changelog](api-changelog.md) says what is new. A "
        "`PUT` changes the fields that are sent, and so does a `PATCH`. Where several scopes are "
        "named, one of them is enough; the person's role in the tenant must allow it too.",
        *(part for resource in resources() for part in resource),
    )


def resources() -> Iterator[tuple[str, str]]:
    """A heading and a table for each kind of thing."""
    by_resource: dict[str, list[Row]] = {}
    for row in TABLE:
        name = row.path.split("/")[2] if row.path else "about"
        by_resource.setdefault(name, []).append(row)
    for name, rows in by_resource.items():
        yield (
            f"## {name}",
            table(("endpoint", "scope", "who", "what it does"), map(endpoint_cells, rows)),
        )


def endpoint_cells(row: Row) -> tuple[str, str, str, str]:
    """A row of the table of endpoints."""
    methods = "`, `".join(row.methods)
    allowed = [
        role.name
        for role in access.ROLES.values()
        if row.permission is not None and access.allows({role.name}, row.permission)
    ]
    who = ", ".join(allowed) if row.permission not in (None, access.Permission.BELONG) else "anyone"
    return (
        f"`{methods}` {code(PREFIX + row.path)}",
        " or ".join(map(code, row.scopes)) or "any token",
        who,
        (row.run.__doc__ or "").partition("\n")[0],
    )


# ── api-changelog.md ─────────────────────────────────────────────────────────────────────────


def api_changelog_page() -> str:
    """What has changed in the API, as the page /docs/changelog says it."""
    parts = [
        heading(
            "Changelog of the API",
            "the table in [`reference/changes.py`](../src/flextell/reference/changes.py)",
        ),
        "For those who call it. The server shows it at `/docs/changelog`.",
    ]
    for release in RELEASES:
        parts.append(f"## {release.version}, {release.date or 'not released yet'}")
        parts.append(
            "\n".join(f"- {each.kind.capitalize()}: {each.sentence}" for each in release.changes)
        )
    return page(*parts)


PAGES: Mapping[str, Callable[[], str]] = {
    "api.md": api_page,
    "api-changelog.md": api_changelog_page,
    "settings.md": settings_page,
    "scopes.md": scopes_page,
    "errors.md": errors_page,
    "metrics.md": metrics_page,
    "specifications.md": specifications_page,
    "rotation.md": rotation_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only look; 1 if a page is not what the code says."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python docs/generate.py [--check]\n")
        return 2
    status = 0
    for name, make in PAGES.items():
        file, made = DOCS / name, make()
        if file.exists() and file.read_text() == made:
            continue
        if arguments:
            status = 1
            sys.stderr.write(f"docs/{name} is not what the code says: run docs/generate.py\n")
        else:
            file.write_text(made)
            sys.stdout.write(f"docs/{name}: written\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

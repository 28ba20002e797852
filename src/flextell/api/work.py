"""The units of work of the API: who asks is admitted first, then the endpoint runs.

What depends on what is there now (If-Match, Idempotency-Key) is asked in the same unit that
changes it, so nobody comes between.
"""

from dataclasses import dataclass, replace
from hashlib import sha256

from flextell.api import conditional, idempotency
from flextell.api.asked import Answer, Asked, Header
from flextell.api.bodies import Body, parse_body
from flextell.api.caller import Caller, admit
from flextell.api.errors import ApiError
from flextell.api.incoming import Incoming
from flextell.api.routes import Node
from flextell.api.row import Row
from flextell.api.shapes.encoding import encode
from flextell.oauth.access_token import AccessToken
from flextell.store.port import KeptAnswer, Unit

MINIMAL = (b"preference-applied", b"return=minimal")


@dataclass(frozen=True, slots=True)
class Taken:
    """A body as it came, and what it says; or why it says nothing."""

    raw: bytes
    body: Body | None = None
    fault: ApiError | None = None


def take(row: Row, incoming: Incoming, raw: bytes) -> Taken:
    """Read a body before the unit of work begins; a fault waits until the caller is admitted."""
    if row.body is None:
        return Taken(raw)
    try:
        return Taken(raw, parse_body(row.body, incoming.one(b"content-type"), raw))
    except ApiError as fault:
        return Taken(raw, fault=fault)


def let_in(unit: Unit, row: Row, token: AccessToken, incoming: Incoming) -> Caller:
    """The caller, admitted to the row. Raises what `admit` does."""
    tenant = incoming.values(b"x-tenant")
    return admit(unit, token, tenant, row.permission, anywhere=row.anywhere)


def show(unit: Unit, row: Row, token: AccessToken, incoming: Incoming, asked: Asked) -> Answer:
    """Read something. One thing comes with its ETag, and not again to who has it."""
    shown = row.run(unit, let_in(unit, row, token, incoming), asked)
    body = encode(shown)
    if not row.single:
        return Answer(row.status, body)
    tag = conditional.etag(shown, body, row.volatile)
    headers = ((b"etag", tag.encode("ascii")),)
    if conditional.is_known(incoming.values(b"if-none-match"), tag):
        return Answer(304, b"", headers)
    return Answer(row.status, body, headers)


def change(
    unit: Unit,
    row: Row,
    node: Node,
    token: AccessToken,
    incoming: Incoming,
    asked: Asked,
    taken: Taken,
) -> Answer:
    """Change something. Raises whatever the endpoint does; then nothing was changed."""
    caller = let_in(unit, row, token, incoming)
    if taken.fault is not None:
        raise taken.fault
    asked = replace(asked, body_value=taken.body)
    if row.method == "POST":
        return _once(unit, row, node, caller, incoming, asked, taken)
    return _changed(unit, row, node, caller, incoming, asked)


def _once(
    unit: Unit,
    row: Row,
    node: Node,
    caller: Caller,
    incoming: Incoming,
    asked: Asked,
    taken: Taken,
) -> Answer:
    """A POST: with an Idempotency-Key it is done once, and answered as often as it comes."""
    key = idempotency.checked_key(incoming.one(b"idempotency-key"))
    name = b"" if key is None else idempotency.name_of(key, caller, _thing(node, asked))
    if name:
        fingerprint = sha256(_fingerprint(asked, taken)).digest()
        expires_at = asked.now + idempotency.KEPT_SECONDS
        kept = unit.kept_answers.claim(name, fingerprint, asked.now, expires_at)
        if kept is not None:
            return _again(kept, fingerprint)
    status, location, body = _created(unit, row, node, caller, asked)
    if name:
        unit.kept_answers.keep(name, status, location, body)
    return Answer(status, body, _located(location))


def _fingerprint(asked: Asked, taken: Taken) -> bytes:
    """What must be the same when a key comes again: the body, or what was made of an upload."""
    of_upload = getattr(asked.prepared_value, "fingerprint", b"")
    return b"\0".join((asked.query, taken.raw, of_upload))


def _again(kept: KeptAnswer, fingerprint: bytes) -> Answer:
    if kept.fingerprint != fingerprint:
        raise idempotency.used_otherwise()
    headers = (*_located(kept.location), idempotency.REPLAYED)
    return Answer(kept.status, kept.body, headers)


def _created(
    unit: Unit, row: Row, node: Node, caller: Caller, asked: Asked
) -> tuple[int, str | None, bytes]:
    """Run a POST: the status, where the new thing is, and the body (RFC 9110 §15.3.2)."""
    shown = row.run(unit, caller, asked)
    location = None
    if row.status == 201 and node.id_node is not None and "GET" in node.id_node.methods:
        location = f"{asked.url}/{shown['data']['id']}"  # type: ignore[index]
    return row.status, location, encode(shown)


def _located(location: str | None) -> tuple[Header, ...]:
    return () if location is None else ((b"location", location.encode("ascii")),)


def _changed(
    unit: Unit, row: Row, node: Node, caller: Caller, incoming: Incoming, asked: Asked
) -> Answer:
    """A PUT, PATCH or DELETE, one after another on each path (RFC 9110 §13.1.1, RFC 7240 §4.2)."""
    unit.hold(_place(caller, _thing(node, asked)))
    reading = node.methods.get("GET")
    if_match = incoming.values(b"if-match")
    if if_match:
        current = conditional.NONE
        if reading is not None and reading.single:
            before = reading.run(unit, caller, asked)
            current = conditional.etag(before, encode(before), reading.volatile)
        conditional.demand_unchanged(if_match, current)
    shown = row.run(unit, caller, asked)
    if row.method == "DELETE" and _wants_little(incoming):
        return Answer(204, b"", (MINIMAL,))
    body = encode(shown)
    headers: tuple[Header, ...] = ()
    if reading is not None and row.shows_what(reading):
        headers = ((b"etag", conditional.etag(shown, body, reading.volatile).encode("ascii")),)
    return Answer(row.status, body, headers)


def _thing(node: Node, asked: Asked) -> str:
    """The path in its canonical version."""
    return node.path.format(**asked.ids)


def _place(caller: Caller, thing: str) -> bytes:
    """What changes of one thing wait for each other by."""
    whose = caller.membership.tenant_id if caller.membership else caller.subject
    return sha256(f"{whose} {thing}".encode()).digest()


def _wants_little(incoming: Incoming) -> bool:
    preferences = ",".join(incoming.values(b"prefer")).lower().split(",")
    return "return=minimal" in (preference.strip() for preference in preferences)

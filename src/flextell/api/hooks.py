"""What customers write, as the servers behind channels pass it on: `POST /hooks/channels/{id}`.

No token opens it: the signature is the proof, and a channel that is not there is answered as one
whose secret is another. The same message may come any number of times and is kept once.
"""

from functools import partial
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import TypedDict

from flextell.api import errors
from flextell.api.asked import Answer
from flextell.api.beginning import begin
from flextell.api.build import COMMON_HEADERS, address_key, refused_answer
from flextell.api.envelopes import One, Success, success
from flextell.api.errors import conflict, unknown_path
from flextell.api.incoming import ClientGone, Incoming
from flextell.api.shapes.encoding import encode
from flextell.metrics import Answers
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.tenants import conversations, inbound
from flextell.tenants.channels import Channel
from flextell.tenants.conversations import Conversation
from flextell.tenants.hooks import PATH, Fate, channel_in
from flextell.tenants.inbound import InboundMessage
from flextell.tenants.messages import Draft
from flextell.tenants.webhooks import ID, SIGNATURE, TIMESTAMP

# What stands for every channel, in metrics and logs.
ENDPOINT = f"{PATH}{{id}}"
# The longest message, every character of it escaped, and all else.
LARGEST_HOOK = 128 * 1024


class Received(TypedDict):
    """What became of a message: `known` came before, `dropped` is of a blocked customer."""

    status: Fate


def build_hooks(parts: Parts) -> ASGIApp:
    """The hooks, to be given every HTTP request whose path begins with /hooks/channels/."""
    return Hooks(parts)


class Hooks:
    """Answers a webhook."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._answers = Answers(parts.metrics, ENDPOINT)
        self._success = success(parts.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = perf_counter()
        standing = self._parts.api_limit.count(address_key(scope))
        request_id = ""
        try:
            if standing.exceeded:
                raise errors.too_many(standing, self._parts.sources.now())
            answer = await self._answer(Incoming(scope, receive))
        except ClientGone:
            return
        except Exception as problem:  # noqa: BLE001 - whatever it is, the sender gets an answer
            answer, request_id = refused_answer(self._parts, problem, ENDPOINT)
        request_id = request_id or self._parts.sources.random(8).hex()
        headers = [
            *COMMON_HEADERS,
            (b"request-id", request_id.encode("ascii")),
            *standing.headers(),
            *answer.headers,
            (b"content-length", b"%d" % len(answer.body)),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})
        self._answers.answered(answer.status, perf_counter() - began)

    async def _answer(self, incoming: Incoming) -> Answer:
        channel_id = channel_in(incoming.scope["path"])
        if channel_id is None:
            raise unknown_path()
        if incoming.scope["method"] != "POST":
            raise errors.wrong_method(("POST",))
        body = await incoming.body(LARGEST_HOOK)
        store, now = self._parts.store, self._parts.sources.now()
        channel = await store.read(lambda unit: unit.channels.by_id(channel_id))
        secrets = () if channel is None else self._parts.channel_secrets.of(channel, now)
        message = inbound.receive(_signature(incoming), body, secrets, now)
        # Whoever has signed with its secret may know of the channel.
        if channel is None or not channel.is_active:
            raise conflict("The channel is switched off.")
        fate = await store.write(partial(take_in, channel=channel, message=message, now=now))
        return Answer(200, encode(_received(self._success, fate)))


def take_in(unit: Unit, channel: Channel, message: InboundMessage, now: int) -> Fate:
    """Keep what a customer wrote, in the conversation with them, which may begin with it."""
    tenant_id = channel.tenant_id
    unit.within(tenant_id)
    held = _conversation(unit, channel, message, now)
    if held.block is not None:
        unit.blacklists.count_dropped(tenant_id, held.block.block_id)
        return "dropped"
    draft = Draft(message.message, None, external_id=message.external_id, metadata=message.metadata)
    kept = unit.messages.add(tenant_id, held.conversation_id, channel.channel_id, draft, now)
    return "known" if kept is None else "kept"


def _conversation(unit: Unit, channel: Channel, message: InboundMessage, now: int) -> Conversation:
    """The conversation with the one who wrote, held. Raises Unfit."""
    tenant_id, channel_id = channel.tenant_id, channel.channel_id
    address = conversations.normalised(message.address)
    there = unit.conversations.at(tenant_id, channel_id, address)
    if there is None:
        names = message.first_name, message.last_name
        there = begin(unit, tenant_id, channel_id, address, *names, now)
    if there is None:
        # Somebody was faster.
        there = unit.conversations.at(tenant_id, channel_id, address)
    held = None if there is None else unit.conversations.hold(tenant_id, there, now)
    if held is None:
        raise LookupError("a conversation that began is not there")
    return held


def _signature(incoming: Incoming) -> dict[str, str]:
    return {name: incoming.one(name.encode()) or "" for name in (ID, TIMESTAMP, SIGNATURE)}


def _received(success: Success, fate: Fate) -> One[Received]:
    return {"success": success, "data": {"status": fate}}

"""A front desk for tests: a channel with a secret, and the server behind it that signs webhooks."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson
from httpx2 import Response

from flextell.store.port import Unit
from flextell.tenants.channels import ChannelWish
from flextell.tenants.webhooks import Secret, signed_headers
from tests.api.conftest import Clinic

CONVERSATIONS = "/api/v1/conversations"
BLOCKS = "/api/v1/channel-blacklists"
SCOPES = "conversations:read conversations:write channels:read channels:write files:read"
# The endpoints that need a desk to be looked at.
PATHS = ("/v1/conversations", "/v1/channels", "/v1/channel-blacklists")
# Nobody calls there: it is no address of the public internet.
WEBHOOK = "https://127.0.0.1:9443/flextell"
_numbers = count(1)


def new_phone() -> str:
    """A phone number that nobody has yet."""
    return f"+9055500{next(_numbers):05d}"


@dataclass(frozen=True)
class Desk:
    """A channel of the Bosphorus Clinic, and Alice's app, which may talk on it."""

    clinic: Clinic
    channel_id: int
    secret: Secret

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Call the API as Alice."""
        told = {"authorization": f"Bearer {self.clinic.token(scope=SCOPES)}"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.clinic.client.request(method, path, json=body, headers=told)

    async def done(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The same, and what is in the envelope of the answer, which has this status."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]

    async def begin(self, address: str = "", **names: str) -> str:
        """A new conversation; the path of it."""
        body = {"channel_id": self.channel_id, "address": address or new_phone(), **names}
        made = await self.done("POST", CONVERSATIONS, body, 201)
        return f"{CONVERSATIONS}/{made['id']}"

    async def say(self, path: str, text: str, **more: Any) -> str:
        """Send a message; its path."""
        body = {"message": text, **more}
        sent = await self.done("POST", f"{path}/messages", body, 201)
        return f"{path}/messages/{sent['message_id']}"

    async def hook(
        self, content: Any, secret: Secret | None = None, webhook_id: str = ""
    ) -> Response:
        """Pass on what a customer wrote, as the server behind the channel does."""
        return await self.pass_on(orjson.dumps(content), secret, webhook_id)

    async def pass_on(
        self, body: bytes, secret: Secret | None = None, webhook_id: str = ""
    ) -> Response:
        """The same with any bytes."""
        name, now = webhook_id or f"msg-{next(_numbers)}", self.clinic.world.clock.now
        headers = signed_headers([secret or self.secret], name, now, body)
        client = self.clinic.world.browser()
        async with client:
            path = f"/hooks/channels/{self.channel_id}"
            return await client.post(path, content=body, headers=headers)

    async def write(self, address: str, text: str, **more: Any) -> str:
        """Let a customer write; what becomes of it."""
        content = {"id": f"wamid.{next(_numbers)}", "address": address, "message": text, **more}
        answer = await self.hook(content)
        assert answer.status_code == 200, answer.text
        fate: str = answer.json()["data"]["status"]
        return fate

    async def told(self) -> list[dict[str, Any]]:
        """What the webhook of the channel is told, in order."""
        rows: Iterable[tuple[str]] = await self.clinic.parts.store.read(self._deliveries)
        return [orjson.loads(body) for (body,) in rows]

    def _deliveries(self, unit: Unit) -> Any:
        return unit._transaction.all(  # type: ignore[attr-defined]
            "SELECT body FROM deliveries WHERE channel_id = :channel_id ORDER BY delivery_id",
            channel_id=self.channel_id,
        )


async def open_desk(clinic: Clinic, webhook_url: str | None = WEBHOOK) -> Desk:
    """A new channel."""
    secrets, now = clinic.parts.channel_secrets, clinic.world.clock.now
    tenant_id = clinic.ids.bosphorus

    def work(unit: Unit) -> tuple[int, Secret]:
        wish = ChannelWish("whatsapp", "Reception", "+902120000000", webhook_url)
        channel_id = unit.channels.add(tenant_id, wish, now)
        return channel_id, secrets.renew(unit, tenant_id, channel_id, None, now)

    channel_id, secret = await clinic.parts.store.write(work)
    return Desk(clinic, channel_id, secret)

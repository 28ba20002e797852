"""A clinic with something in every drawer, so that requests which are made up find what they name.

What a path names is made anew for each operation: those before may have deleted theirs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from flextell.oauth.scopes import CATALOGUE
from tests.api.changing import CUSTOMERS, LINUS, TAGS
from tests.api.conftest import Clinic
from tests.api.desk import BLOCKS, CONVERSATIONS, Desk, open_desk

EVERY = " ".join(sorted(CATALOGUE))
USERS, FILES = "/api/v1/users", "/api/v1/files"
PASSWORD = "correct horse battery staple"
# By what their paths begin with: Alice, who asks, and what others refer to. They were there first.
SPARED: Mapping[str, frozenset[int]] = {
    USERS: frozenset({1}),
    CUSTOMERS: frozenset({1, 2}),
    TAGS: frozenset({1}),
}
# Roles by number (see `access.ROLES`): Alice, who owns the clinic, may give these.
STAFF, VIEWER = 2, 3
_numbers = count(1)
NAMES_AT_ONCE = 50

Place = Mapping[str, int]
"""What the parameters of a path are, for something that is there."""


@dataclass(frozen=True)
class House:
    """The Bosphorus Clinic with a channel on which there is talk."""

    desk: Desk
    # What is there, by the name of the field that refers to it.
    there: Mapping[str, Sequence[Any]]

    @property
    def known(self) -> Mapping[str, Sequence[Any]]:
        """What a field of this name may well be; names that must differ are nobody's yet."""
        numbers = [next(_numbers) for _ in range(NAMES_AT_ONCE)]
        fresh = {
            "name": [f"Regular {number}" for number in numbers],
            "email": [f"frank.{number}@example.com" for number in numbers],
        }
        return {**self.there, **fresh}

    @property
    def clinic(self) -> Clinic:
        """The clinic."""
        return self.desk.clinic

    @property
    def token(self) -> str:
        """A token of Alice, with every scope."""
        return self.clinic.token(scope=EVERY)

    async def made(
        self, path: str, body: Any = None, method: str = "POST", status: int = 201, **more: Any
    ) -> Any:
        """Call the API as Alice; what is in the envelope of the answer."""
        answer = await self.clinic.client.request(
            method, path, json=body, headers={"authorization": f"Bearer {self.token}"}, **more
        )
        assert answer.status_code == status, answer.text
        return answer.json()["data"]

    async def gone(self, path: str) -> None:
        """Delete something."""
        await self.made(path, method="DELETE", status=200)


async def furnish(clinic: Clinic) -> House:
    """Open the house."""
    desk = await open_desk(clinic, webhook_url=None)
    ids = clinic.ids
    house = House(
        desk,
        {
            "tag_ids": [[], [ids.vip]],
            "country_id": [1],
            "city_id": [2],
            "default_channel_id": [desk.channel_id],
            "channel_id": [desk.channel_id],
            "customer_id": [ids.ada, ids.grace],
            "fileable_type": ["customer"],
            "fileable_id": [ids.ada, ids.grace],
            "role_ids": [[], [STAFF], [STAFF, VIEWER]],
            "password": [PASSWORD],
            "password_confirmation": [PASSWORD],
            "trigger_chat_log_ids": [[]],
            "reply_to_message_id": [None],
        },
    )
    return house


async def of_path(house: House, path: str) -> Sequence[Place]:
    """Things that this path of the API names; none if it names nothing."""
    for begin, make in MAKERS:
        if path.startswith(begin):
            found = await make(house)
            # What is gone comes last, and first where it is to come back.
            return found[::-1] if path.endswith("/restore") else found
    return ()


async def _customers(house: House) -> Sequence[Place]:
    there, gone = [(await house.made(CUSTOMERS, LINUS))["id"] for _ in range(2)]
    await house.made(f"{CUSTOMERS}/{there}/notes", {"content": "Likes tea."})
    await house.gone(f"{CUSTOMERS}/{gone}")
    return [{"id": there}, {"id": gone}]


async def _notes(house: House) -> Sequence[Place]:
    (there, *_), path = await _customers(house), CUSTOMERS
    notes = f"{path}/{there['id']}/notes"
    kept, gone = [(await house.made(notes, {"content": "Likes tea."}))["id"] for _ in range(2)]
    await house.gone(f"{notes}/{gone}")
    return [{**there, "note_id": kept}, {**there, "note_id": gone}]


async def _tags(house: House) -> Sequence[Place]:
    bodies = [{"name": f"Made {next(_numbers)}", "color": "#00ff00"} for _ in range(2)]
    there, gone = [(await house.made(TAGS, body))["id"] for body in bodies]
    await house.gone(f"{TAGS}/{gone}")
    return [{"id": there}, {"id": gone}]


async def _worn(house: House) -> Sequence[Place]:
    (tag, *_), (customer, *_) = await _tags(house), await _customers(house)
    place = {**customer, "tag_id": tag["id"]}
    await house.made(f"{CUSTOMERS}/{place['id']}/tags/{place['tag_id']}", None, "PUT", 200)
    return [place]


async def _users(house: House) -> Sequence[Place]:
    body = {"name": "Frank", "password": PASSWORD, "password_confirmation": PASSWORD}
    email = f"frank{next(_numbers)}@example.com"
    return [{"id": (await house.made(USERS, {**body, "email": email}))["id"]}]


async def _files(house: House) -> Sequence[Place]:
    whose = (await house.made(CUSTOMERS, LINUS))["id"]
    fields = {"type": "other", "fileable_type": "customer", "fileable_id": whose}
    file = {"file": ("note.txt", b"Likes tea.")}
    sent = [await house.made(FILES, data=fields, files=file) for _ in range(2)]
    return [{"id": each["id"]} for each in sent]


async def _conversations(house: House) -> Sequence[Place]:
    """One is waiting for what the AI suggests, the other has nothing in it."""
    talked, silent = [await house.desk.begin() for _ in range(2)]
    await house.desk.say(talked, "Hello")
    await house.made(f"{talked}/ai-suggestion", {"original_text": "Monday at ten?"}, "PUT", 200)
    return [{"id": _last(talked)}, {"id": _last(talked)}, {"id": _last(silent)}]


async def _messages(house: House) -> Sequence[Place]:
    talk = await house.desk.begin()
    said = [await house.desk.say(talk, "Hello") for _ in range(2)]
    return [{"id": _last(talk), "message_id": _last(each)} for each in said]


async def _blocks(house: House) -> Sequence[Place]:
    talk = await house.made((await house.desk.begin()), method="GET", status=200)
    body = {"channel_id": house.desk.channel_id, "reason": "manual"}
    made = await house.made(BLOCKS, {**body, "customer_id": talk["customer"]["id"]})
    return [{"id": made["id"]}]


async def _roles(house: House) -> Sequence[Place]:
    return [{"id": STAFF}, {"id": VIEWER}]


async def _channels(house: House) -> Sequence[Place]:
    return [{"id": house.desk.channel_id}]


def _last(path: str) -> int:
    return int(path.rpartition("/")[2])


# What stands first is tried first.
MAKERS: tuple[tuple[str, Callable[[House], Awaitable[Sequence[Place]]]], ...] = (
    (f"{CUSTOMERS}/{{id}}/notes/{{note_id}}", _notes),
    (f"{CUSTOMERS}/{{id}}/tags/{{tag_id}}", _worn),
    (f"{CUSTOMERS}/{{id}}", _customers),
    (f"{TAGS}/{{id}}", _tags),
    (f"{USERS}/{{id}}", _users),
    ("/api/v1/roles/{id}", _roles),
    (f"{FILES}/{{id}}", _files),
    (f"{CONVERSATIONS}/{{id}}/messages/{{message_id}}", _messages),
    (f"{CONVERSATIONS}/{{id}}", _conversations),
    ("/api/v1/channels/{id}", _channels),
    (f"{BLOCKS}/{{id}}", _blocks),
)

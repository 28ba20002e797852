"""The forms that files come in, and what is made of one before its unit of work (wire §a.2)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import Field, ValidationError

from flextell.api.bodies import Body, Id
from flextell.api.caller import Caller
from flextell.api.faults import refused
from flextell.api.incoming import Incoming
from flextell.api.row import Prepare
from flextell.api.uploads import Upload, receive_upload
from flextell.node.file_room import FileRoom, RoomUnavailable, Writing, new_name
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.tenants import files
from flextell.tenants.file_types import sniffed
from flextell.tenants.files import Content, FileableType, FileType

F = TypeVar("F", bound=Body)


class NewCustomerFile(Body):
    """What comes with a file."""

    type: FileType = Field(description="What kind of file it is.")
    description: str | None = Field(
        None,
        max_length=files.MAXIMUM_DESCRIPTION_CHARACTERS,
        description="What it is about.",
    )
    group_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="Files of one group are shown together (our extension; default: a new group).",
    )


class NewTenantFile(NewCustomerFile):
    """What comes with a file, and what it belongs to."""

    fileable_type: FileableType = Field(description="What kind of thing it belongs to.")
    fileable_id: Id = Field(description="Which one.")


@dataclass(frozen=True, slots=True)
class Received(Generic[F]):
    """A file that came whole and lies in the room, until a unit of work takes it or it is removed.

    `group_id` is a new one. `most_bytes` is the room that the tenant's files may take.
    """

    form: F
    name: str
    content: Content
    group_id: str
    most_bytes: int
    room: FileRoom = field(repr=False)

    @property
    def fingerprint(self) -> bytes:
        """What must be the same when an Idempotency-Key comes again."""
        said = f"{self.name}\0{self.form.model_dump_json()}"
        return sha256(self.content.sha256 + said.encode()).digest()

    async def take_back(self) -> None:
        """Remove the bytes; if that cannot be done now, the sweep does it."""
        with suppress(RoomUnavailable):
            await self.room.remove(self.content.stored_as)


def receive(model: type[F]) -> Prepare:
    """Take in a file with a form of this kind, for `Asked.prepared(Received)`."""

    async def prepare(parts: Parts, caller: Caller, incoming: Incoming) -> Received[F]:
        async with parts.file_room.writing() as writing:
            upload = await receive_upload(incoming, writing, parts.settings.file_bytes)
            form = _checked(model, upload.fields)
            content = _content(parts, upload, writing)
            await parts.store.write(
                partial(
                    _expect,
                    tenant_id=caller.tenant_id,
                    stored_as=content.stored_as,
                    remove_at=parts.sources.now() + files.LOOSE_SECONDS,
                )
            )
            await writing.keep(content.stored_as)
        return Received(
            form,
            files.clean_name(upload.file.told_name),
            content,
            _new_group(parts.sources.now(), parts.sources.random(16)),
            parts.settings.files_bytes_per_tenant,
            parts.file_room,
        )

    return prepare


def _checked(model: type[F], fields: Mapping[str, str]) -> F:
    """The fields as checked values; one that is empty was left out. Raises ApiError."""
    try:
        return model.model_validate({name: text for name, text in fields.items() if text})
    except ValidationError as problem:
        raise refused(problem, "field") from None


def _content(parts: Parts, upload: Upload, writing: Writing) -> Content:
    name = new_name(parts.sources.random)
    return Content(name, writing.size, writing.digest, sniffed(upload.file.head))


def _expect(unit: Unit, tenant_id: int, stored_as: str, remove_at: int) -> None:
    unit.within(tenant_id)
    unit.files.expect(tenant_id, stored_as, remove_at)


def _new_group(now: int, dice: bytes) -> str:
    """A UUID that sorts by time, so that older groups come first (RFC 9562 §5.7)."""
    number = int.from_bytes((now * 1000).to_bytes(6, "big") + dice[6:], "big")
    number = number & ~(0xF000 << 64) | 0x7000 << 64
    return str(UUID(int=number & ~(0xC000 << 48) | 0x8000 << 48))

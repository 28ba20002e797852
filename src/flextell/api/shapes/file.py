"""The File resource, and files that belong together (wire §a.2, §a.3)."""

from collections.abc import Iterable
from datetime import datetime

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment, moment_or_none
from flextell.tenants import files

# What is another one a minute later.
VOLATILE = frozenset({"temporary_url"})


class File(TypedDict):
    """A file. `mime_type` is found out from its bytes; `application/octet-stream`: not known.

    `temporary_url` opens it for some minutes, without a token, to whoever has the address. It is
    null without the scope `files:read`, and for deleted files. There are no thumbnails yet.
    """

    id: int
    name: str
    description: str | None
    type: files.FileType
    mime_type: str
    size: int
    formatted_size: str
    group_id: str
    fileable_type: files.FileableType
    fileable_id: int
    temporary_url: str | None
    temporary_thumbnail_url: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class FileGroup(TypedDict):
    """Files that were sent as one group. A large one goes on in the next part of the list."""

    group_id: str
    description: str | None
    files: list[File]


def file(of: files.File, temporary_url: str | None) -> File:
    """The file as the wire shows it."""
    return {
        "id": of.file_id,
        "name": of.name,
        "description": of.description,
        "type": of.type,
        "mime_type": of.mime_type,
        "size": of.size,
        "formatted_size": files.formatted_size(of.size),
        "group_id": of.group_id,
        "fileable_type": of.fileable.kind,
        "fileable_id": of.fileable.id,
        "temporary_url": temporary_url,
        "temporary_thumbnail_url": None,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "deleted_at": moment_or_none(of.deleted_at),
    }


def groups(shown: Iterable[File]) -> list[FileGroup]:
    """Files in the order of their groups, group by group, each described as its first one is."""
    found: dict[str, FileGroup] = {}
    for one in shown:
        group = found.setdefault(
            one["group_id"], {"group_id": one["group_id"], "description": None, "files": []}
        )
        group["description"] = group["description"] or one["description"]
        group["files"].append(one)
    return list(found.values())

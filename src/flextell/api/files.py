"""The endpoints of files."""

from collections.abc import Callable
from dataclasses import replace

from pydantic import Field

from flextell.api import fileables, paging
from flextell.api.asked import Asked
from flextell.api.caller import Caller
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import no_such
from flextell.api.file_forms import NewCustomerFile, NewTenantFile, Received
from flextell.api.paging import ListRequest, Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.file import File, FileGroup, file, groups
from flextell.store.port import Unit
from flextell.tenants import files
from flextell.tenants.files import Fileable, FileableType, FileFilters, FileType, NewFile, SortKey
from flextell.tenants.model import LARGEST_ID
from flextell.tenants.paging import MAXIMUM_SIZE, SortOrder, check_after

DOWNLOAD_SCOPE = "files:read"


class FileListParameters(ListParameters):
    """Which files, in which order."""

    sort_by: SortKey | None = Field(None, description="What to sort by (default `created_at`).")
    sort_order: SortOrder | None = Field(
        None, description="Default `asc`, and `desc` where `sort_by` is absent."
    )
    type: FileType | None = Field(None, description="Only these.")
    fileable_type: FileableType | None = Field(
        None, description="Only those that belong to a thing of this kind."
    )
    fileable_id: int | None = Field(
        None, ge=1, le=LARGEST_ID, description="Only those that belong to a thing with this id."
    )
    trashed: bool | None = Field(None, description="Deleted files too.")


def list_files(unit: Unit, caller: Caller, asked: Asked) -> Page[File]:
    """List files."""
    request = paging.read(FileListParameters, asked, f"files/{caller.tenant_id}")
    wanted = request.parameters
    filters = FileFilters(
        wanted.type, wanted.fileable_type, wanted.fileable_id, bool(wanted.trashed)
    )
    query = files.query(filters, wanted.sort_by, wanted.sort_order, request.window)
    found = unit.files.find(caller.tenant_id, query)
    return paging.page(request, asked, found, file_shower(caller, asked))


def get_file(unit: Unit, caller: Caller, asked: Asked) -> One[File]:
    """Get one file."""
    return _one(unit, caller, asked, asked.ids["id"])


def create_file(unit: Unit, caller: Caller, asked: Asked) -> One[File]:
    """Upload a file.

    Its name is that in the form, its type is found out from its bytes.
    """
    received: Received[NewTenantFile] = asked.prepared(Received)
    form = received.form
    return _added(unit, caller, asked, received, Fileable(form.fileable_type, form.fileable_id))


def delete_file(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Delete a file.

    It is shown to those who ask for deleted ones; nobody can download it any more, and its bytes
    are removed a day later.
    """
    remove_at = asked.now + files.LOOSE_SECONDS
    if not unit.files.delete(caller.tenant_id, asked.ids["id"], asked.now, remove_at):
        raise no_such("file")
    return done(asked.success, "The file was deleted.")


def list_customer_files(unit: Unit, caller: Caller, asked: Asked) -> Page[FileGroup]:
    """List the files of a customer, by group.

    `meta` counts files, not groups; as many files as can be are in a part unless fewer are asked
    for.
    """
    customer = _customer(unit, caller, asked)
    list_name = f"files/{caller.tenant_id}/customer/{customer.id}"
    request = _large(paging.read(ListParameters, asked, list_name))
    if request.window.after is not None:
        check_after(request.window.after, str)
    found = unit.files.grouped(caller.tenant_id, customer, request.window)
    page = paging.page(request, asked, found, file_shower(caller, asked))
    return {
        "success": page["success"],
        "data": groups(page["data"]),
        "links": page["links"],
        "meta": page["meta"],
    }


def create_customer_file(unit: Unit, caller: Caller, asked: Asked) -> One[File]:
    """Upload a file of a customer.

    Our extension: `POST /v1/files` with what it belongs to filled in.
    """
    received: Received[NewCustomerFile] = asked.prepared(Received)
    return _added(unit, caller, asked, received, _customer(unit, caller, asked))


def _added(
    unit: Unit,
    caller: Caller,
    asked: Asked,
    received: Received[NewCustomerFile] | Received[NewTenantFile],
    fileable: Fileable,
) -> One[File]:
    fileables.demand(unit, caller.tenant_id, fileable)
    sender = unit.people.by_subject(caller.subject)
    new = NewFile(
        name=received.name,
        description=received.form.description,
        type=received.form.type,
        group_id=received.form.group_id or received.group_id,
        fileable=fileable,
        content=received.content,
        person_id=None if sender is None else sender.person_id,
    )
    file_id = unit.files.add(caller.tenant_id, new, received.most_bytes, asked.now)
    return _one(unit, caller, asked, file_id)


def _one(unit: Unit, caller: Caller, asked: Asked, file_id: int) -> One[File]:
    found = unit.files.get(caller.tenant_id, file_id)
    if found is None:
        raise no_such("file")
    return {"success": asked.success, "data": file_shower(caller, asked)(found)}


def _customer(unit: Unit, caller: Caller, asked: Asked) -> Fileable:
    if unit.customers.get(caller.tenant_id, asked.ids["id"]) is None:
        raise no_such("customer")
    return Fileable("customer", asked.ids["id"])


def _large(request: ListRequest[ListParameters]) -> ListRequest[ListParameters]:
    """The largest part unless a size was asked for: the clients of this list know of no parts."""
    wanted = request.parameters
    if wanted.per_page is not None or wanted.limit is not None:
        return request
    return replace(request, window=replace(request.window, size=MAXIMUM_SIZE))


def file_shower(caller: Caller, asked: Asked) -> Callable[[files.File], File]:
    """What shows a file; only those who may download files are told where."""
    may_download = DOWNLOAD_SCOPE in caller.token.scopes

    def show(of: files.File) -> File:
        if not may_download or of.deleted_at is not None:
            return file(of, None)
        return file(of, asked.addresses.of(of.tenant_id, of.file_id, asked.now))

    return show

"""Every endpoint of the API on one screen: a new one is a row here and a function.

Authorization is the row's, not the function's: the token needs one of the scopes (none named:
any valid token will do), and the person needs the permission in the tenant they act in (none
named: the endpoint acts in no tenant). Dispatch, OpenAPI document and tests read this table.
"""

import re
from collections.abc import Mapping, Sequence

from flextell.api import account, customers, files
from flextell.api.customers import CustomerListParameters
from flextell.api.envelopes import Done, One
from flextell.api.errors import unknown_path, wrong_method
from flextell.api.file_forms import NewCustomerFile, NewTenantFile, receive
from flextell.api.files import FileListParameters
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.row import Row
from flextell.api.shapes.customer import Customer
from flextell.api.shapes.file import VOLATILE as ADDRESSES
from flextell.api.shapes.file import File, FileGroup
from flextell.api.shapes.tenant import Tenant
from flextell.tenants.access import Permission
from flextell.tenants.model import LARGEST_ID

PREFIX = "/api"
# Other spellings of the canonical version (wire §e 1).
VERSIONS: Mapping[str, str] = {"/v0.0.1": "/v1"}

SEE_CUSTOMERS = Permission.SEE_CUSTOMERS
SEE_FILES, CHANGE_FILES = Permission.SEE_FILES, Permission.CHANGE_FILES

TABLE: tuple[Row, ...] = (
    Row("GET", "", (), None, account.about, One[account.About], brief=True),
    Row(
        "GET",
        "/v1/account/tenants",
        ("account:read", "tenants:read"),
        None,
        account.list_tenants,
        Page[Tenant],
        ListParameters,
    ),
    Row(
        "GET",
        "/v1/customers",
        ("customers:read",),
        SEE_CUSTOMERS,
        customers.list_customers,
        Page[Customer],
        CustomerListParameters,
    ),
    Row(
        "GET",
        "/v1/customers/{id}",
        ("customers:read",),
        SEE_CUSTOMERS,
        customers.get_customer,
        One[Customer],
        brief=True,
    ),
    Row(
        "GET",
        "/v1/customers/{id}/files",
        ("customers:read",),
        SEE_FILES,
        files.list_customer_files,
        Page[FileGroup],
        ListParameters,
    ),
    Row(
        "POST",
        "/v1/customers/{id}/files",
        ("files:write",),
        CHANGE_FILES,
        files.create_customer_file,
        One[File],
        status=201,
        form=NewCustomerFile,
        prepare=receive(NewCustomerFile),
    ),
    Row(
        "GET",
        "/v1/files",
        ("files:read",),
        SEE_FILES,
        files.list_files,
        Page[File],
        FileListParameters,
    ),
    Row(
        "POST",
        "/v1/files",
        ("files:write",),
        CHANGE_FILES,
        files.create_file,
        One[File],
        status=201,
        form=NewTenantFile,
        prepare=receive(NewTenantFile),
    ),
    Row(
        "GET",
        "/v1/files/{id}",
        ("files:read",),
        SEE_FILES,
        files.get_file,
        One[File],
        volatile=ADDRESSES,
    ),
    Row(
        "DELETE",
        "/v1/files/{id}",
        ("files:write",),
        CHANGE_FILES,
        files.delete_file,
        One[Done],
    ),
)

_ID = re.compile(r"[1-9][0-9]{0,18}")


class Node:
    """A place in the tree of paths: the words and the number that may follow, and its methods."""

    __slots__ = ("id_name", "id_node", "methods", "path", "words")

    def __init__(self) -> None:
        self.words: dict[str, Node] = {}
        self.id_name = ""
        self.id_node: Node | None = None
        self.methods: dict[str, Row] = {}
        # As the table has it; empty if no row ends here.
        self.path = ""


def tree(table: Sequence[Row]) -> Node:
    """The table, arranged so that a path is found in as many steps as it has parts."""
    root = Node()
    for row in table:
        node = root
        for part in row.path.split("/")[1:]:
            if part.startswith("{"):
                node.id_name = part.strip("{}")
                node.id_node = node = node.id_node or Node()
            else:
                node = node.words.setdefault(part, Node())
        node.path = PREFIX + row.path
        node.methods |= dict.fromkeys(row.methods, row)
        if row.method == "GET":
            node.methods["HEAD"] = row
    for other, canonical in VERSIONS.items():
        root.words[other[1:]] = root.words[canonical[1:]]
    return root


def walk(root: Node, path: str) -> tuple[Node, dict[str, int]] | None:
    """The place of a path in the tree and the numbers in it; None if there is no such place.

    A number that is no id of ours (signed, padded, beyond 63 bits) makes an unknown path.
    """
    node = root
    ids: dict[str, int] = {}
    for part in path.removeprefix(PREFIX).split("/")[1:]:
        following = node.words.get(part)
        if following is None and node.id_node is not None and _ID.fullmatch(part):
            ids[node.id_name] = number = int(part)
            following = node.id_node if number <= LARGEST_ID else None
        if following is None:
            return None
        node = following
    return node, ids


def find(root: Node, method: str, path: str) -> tuple[Row, Node, dict[str, int]]:
    """The row of a request, the place of its path, and the numbers in it.

    Raises ApiError: 404 if no row has the path, 405 with `Allow` if none of them has the method.
    """
    place = walk(root, path)
    if place is None or not place[0].methods:
        raise unknown_path()
    node, ids = place
    row = node.methods.get(method)
    if row is None:
        raise wrong_method(tuple(sorted(node.methods)))
    return row, node, ids

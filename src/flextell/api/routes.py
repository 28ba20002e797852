"""Every endpoint of the API on one screen: a new one is a row here and a function.

Authorization is the row's, not the function's: the token needs one of the scopes (none named:
any valid token will do), and the person needs the permission in the tenant they act in (none
named: the endpoint acts in no tenant). Dispatch, OpenAPI document and tests read this table.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flextell.api import (
    account,
    agent,
    blacklists,
    channels,
    conversations,
    customers,
    files,
    messages,
    notes,
    roles,
    suggestions,
    tags,
    tenant,
    users,
)
from flextell.api.agent import AgentPause
from flextell.api.blacklists import BlockChanges, BlockListParameters, NewBlock
from flextell.api.bodies import Body
from flextell.api.channels import ChannelListParameters
from flextell.api.conversations import ConversationListParameters, NewConversation
from flextell.api.customers import CustomerChanges, CustomerListParameters, NewCustomer
from flextell.api.envelopes import Done, One
from flextell.api.errors import unknown_path, wrong_method
from flextell.api.file_forms import NewCustomerFile, NewTenantFile, receive
from flextell.api.files import FileListParameters
from flextell.api.messages import MessageChanges, NewMediaMessage, NewMessage
from flextell.api.notes import NewNote, NoteChanges, NoteListParameters
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.row import Row, Run
from flextell.api.shapes.blacklist import VOLATILE as REMAINING
from flextell.api.shapes.blacklist import BlacklistEntry
from flextell.api.shapes.channel import Channel
from flextell.api.shapes.conversation import VOLATILE_STATUS as MINUTES
from flextell.api.shapes.conversation import AgentStatus, Conversation
from flextell.api.shapes.customer import Customer, Tag
from flextell.api.shapes.file import VOLATILE as ADDRESSES
from flextell.api.shapes.file import File, FileGroup
from flextell.api.shapes.message import VOLATILE as ATTACHED
from flextell.api.shapes.message import Message, SendResult
from flextell.api.shapes.note import Note
from flextell.api.shapes.role import Role
from flextell.api.shapes.suggestion import AiSuggestion
from flextell.api.shapes.tenant import Tenant
from flextell.api.shapes.user import VOLATILE as SIGN_INS
from flextell.api.shapes.user import Me, User
from flextell.api.suggestions import NewSuggestion, SuggestionSending
from flextell.api.tags import NewTag, TagChanges, TagListParameters
from flextell.api.tenant import TenantChanges
from flextell.api.user_bodies import NewUser, UserChanges, UserRoles, hash_changed, hash_new
from flextell.api.users import UserListParameters
from flextell.tenants.access import Permission
from flextell.tenants.model import LARGEST_ID

PREFIX = "/api"
# Other spellings of the canonical version (wire §e 1).
VERSIONS: Mapping[str, str] = {"/v0.0.1": "/v1"}

SEE_CUSTOMERS, CHANGE_CUSTOMERS = Permission.SEE_CUSTOMERS, Permission.CHANGE_CUSTOMERS
READ_CUSTOMERS, WRITE_CUSTOMERS = ("customers:read",), ("customers:write",)
READ_TAGS, WRITE_TAGS = ("tags:read",), ("tags:write",)
BELONG, CHANGE_TENANT = Permission.BELONG, Permission.CHANGE_TENANT
SEE_USERS, CHANGE_USERS = Permission.SEE_USERS, Permission.CHANGE_USERS
READ_USERS, WRITE_USERS = ("users:read",), ("users:write",)
SEE_FILES, CHANGE_FILES = Permission.SEE_FILES, Permission.CHANGE_FILES
READ_FILES, WRITE_FILES = ("files:read",), ("files:write",)
SEE_TALK, TALK = Permission.SEE_CONVERSATIONS, Permission.CHANGE_CONVERSATIONS
READ_TALK, WRITE_TALK = ("conversations:read",), ("conversations:write",)
SEE_CHANNELS, CHANGE_CHANNELS = Permission.SEE_CHANNELS, Permission.CHANGE_CHANNELS
READ_CHANNELS, WRITE_CHANNELS = ("channels:read",), ("channels:write",)
READ_ACCOUNT, TENANTS = ("account:read",), ("account:read", "tenants:read")


def _see(
    path: str,
    scopes: tuple[str, ...],
    run: Run,
    returns: Any,
    query: type[ListParameters] | None = None,
    *,
    brief: bool = False,
) -> Row:
    """Read what has to do with customers."""
    return Row("GET", path, scopes, SEE_CUSTOMERS, run, returns, query, brief=brief)


def _change(
    method: str,
    path: str,
    scopes: tuple[str, ...],
    run: Run,
    returns: Any,
    body: type[Body] | None = None,
    status: int = 200,
) -> Row:
    """Change what has to do with customers."""
    return Row(method, path, scopes, CHANGE_CUSTOMERS, run, returns, body=body, status=status)


# fmt: off
CUSTOMERS, CUSTOMER = "/v1/customers", "/v1/customers/{id}"
NOTES, NOTE = f"{CUSTOMER}/notes", f"{CUSTOMER}/notes/{{note_id}}"
USERS, USER = "/v1/users", "/v1/users/{id}"
FILES, FILE = "/v1/files", "/v1/files/{id}"
TAGS, TAG = "/v1/tags", "/v1/tags/{id}"
CONVERSATIONS, CONVERSATION = "/v1/conversations", "/v1/conversations/{id}"
MESSAGES, MESSAGE = f"{CONVERSATION}/messages", f"{CONVERSATION}/messages/{{message_id}}"
AGENT, SUGGESTION = f"{CONVERSATION}/agent", f"{CONVERSATION}/ai-suggestion"
CHANNELS, CHANNEL = "/v1/channels", "/v1/channels/{id}"
BLOCKS, BLOCK = "/v1/channel-blacklists", "/v1/channel-blacklists/{id}"
PUT_ON = f"{CUSTOMER}/tags/{{tag_id}}"

TABLE: tuple[Row, ...] = (
    Row("GET", "", (), None, account.about, One[account.About], brief=True),
    Row("GET", "/v1/account/tenants", TENANTS, None, account.list_tenants, Page[Tenant],
        ListParameters),
    Row("GET", "/v1/account/me", READ_ACCOUNT, BELONG, account.get_me, One[Me],
        volatile=SIGN_INS, anywhere=True),
    Row("GET", "/v1/account/roles", READ_ACCOUNT, BELONG, account.get_my_roles,
        One[account.Allowed], brief=True),
    Row("GET", "/v1/tenant", ("tenants:read",), BELONG, tenant.get_tenant, One[Tenant]),
    Row("PUT", "/v1/tenant", ("tenants:write",), CHANGE_TENANT, tenant.update_tenant,
        One[Tenant], body=TenantChanges),

    Row("GET", USERS, READ_USERS, SEE_USERS, users.list_users, Page[User], UserListParameters),
    Row("POST", USERS, WRITE_USERS, CHANGE_USERS, users.create_user, One[User],
        body=NewUser, status=201, prepare=hash_new),
    Row("GET", USER, READ_USERS, SEE_USERS, users.get_user, One[User], volatile=SIGN_INS),
    Row("PUT", USER, WRITE_USERS, CHANGE_USERS, users.update_user, One[User],
        body=UserChanges, prepare=hash_changed),
    Row("DELETE", USER, WRITE_USERS, CHANGE_USERS, users.delete_user, One[Done]),
    Row("GET", f"{USER}/roles", READ_USERS, SEE_USERS, users.list_user_roles, Page[Role],
        ListParameters),
    Row("PUT", f"{USER}/roles", WRITE_USERS, CHANGE_USERS, users.replace_user_roles,
        One[list[Role]], body=UserRoles),
    Row("GET", "/v1/roles", READ_USERS, SEE_USERS, roles.list_roles, Page[Role],
        ListParameters),
    Row("GET", "/v1/roles/{id}", READ_USERS, SEE_USERS, roles.get_role, One[Role]),

    _see(CUSTOMERS, READ_CUSTOMERS, customers.list_customers, Page[Customer],
         CustomerListParameters, brief=True),
    _change("POST", CUSTOMERS, WRITE_CUSTOMERS, customers.create_customer, One[Customer],
            NewCustomer, 201),
    _see(CUSTOMER, READ_CUSTOMERS, customers.get_customer, One[Customer], brief=True),
    _change("PUT", CUSTOMER, WRITE_CUSTOMERS, customers.update_customer, One[Customer],
            CustomerChanges),
    _change("DELETE", CUSTOMER, WRITE_CUSTOMERS, customers.delete_customer, One[Done]),
    _change("POST", f"{CUSTOMER}/restore", WRITE_CUSTOMERS, customers.restore_customer,
            One[Customer]),

    _see(NOTES, READ_CUSTOMERS, notes.list_notes, Page[Note], NoteListParameters),
    _change("POST", NOTES, WRITE_CUSTOMERS, notes.create_note, One[Note], NewNote, 201),
    _see(NOTE, READ_CUSTOMERS, notes.get_note, One[Note]),
    _change("PUT", NOTE, WRITE_CUSTOMERS, notes.update_note, One[Note], NoteChanges),
    _change("DELETE", NOTE, WRITE_CUSTOMERS, notes.delete_note, One[Done]),
    _change("POST", f"{NOTE}/restore", WRITE_CUSTOMERS, notes.restore_note, One[Note]),

    Row("GET", f"{CUSTOMER}/files", READ_CUSTOMERS, SEE_FILES, files.list_customer_files,
        Page[FileGroup], ListParameters),
    Row("POST", f"{CUSTOMER}/files", WRITE_FILES, CHANGE_FILES, files.create_customer_file,
        One[File], status=201, form=NewCustomerFile, prepare=receive(NewCustomerFile)),
    Row("GET", FILES, READ_FILES, SEE_FILES, files.list_files, Page[File], FileListParameters),
    Row("POST", FILES, WRITE_FILES, CHANGE_FILES, files.create_file, One[File],
        status=201, form=NewTenantFile, prepare=receive(NewTenantFile)),
    Row("GET", FILE, READ_FILES, SEE_FILES, files.get_file, One[File], volatile=ADDRESSES),
    Row("DELETE", FILE, WRITE_FILES, CHANGE_FILES, files.delete_file, One[Done]),

    _see(TAGS, READ_TAGS, tags.list_tags, Page[Tag], TagListParameters, brief=True),
    _change("POST", TAGS, WRITE_TAGS, tags.create_tag, One[Tag], NewTag, 201),
    _see(TAG, READ_TAGS, tags.get_tag, One[Tag]),
    _change("PUT", TAG, WRITE_TAGS, tags.update_tag, One[Tag], TagChanges),
    _change("DELETE", TAG, WRITE_TAGS, tags.delete_tag, One[Done]),
    _change("POST", f"{TAG}/restore", WRITE_TAGS, tags.restore_tag, One[Tag]),
    _change("PUT", PUT_ON, WRITE_CUSTOMERS, tags.put_customer_tag, One[Customer]),
    _change("DELETE", PUT_ON, WRITE_CUSTOMERS, tags.delete_customer_tag, One[Done]),

    Row("GET", CONVERSATIONS, READ_TALK, SEE_TALK, conversations.list_conversations,
        Page[Conversation], ConversationListParameters, brief=True),
    Row("POST", CONVERSATIONS, WRITE_TALK, TALK, conversations.create_conversation,
        One[Conversation], body=NewConversation, status=201),
    Row("GET", CONVERSATION, READ_TALK, SEE_TALK, conversations.get_conversation,
        One[Conversation]),
    Row("POST", f"{CONVERSATION}/read", WRITE_TALK, TALK, conversations.read_conversation,
        One[Done]),
    Row("GET", MESSAGES, READ_TALK, SEE_TALK, messages.list_messages, Page[Message],
        ListParameters),
    Row("POST", MESSAGES, WRITE_TALK, TALK, messages.create_message, One[SendResult],
        body=NewMessage, status=201),
    Row("POST", f"{MESSAGES}/media", WRITE_TALK, TALK, messages.create_media_message,
        One[SendResult], status=201, form=NewMediaMessage, prepare=receive(NewMediaMessage)),
    Row("GET", MESSAGE, READ_TALK, SEE_TALK, messages.get_message, One[Message],
        volatile=ATTACHED),
    Row("PUT", MESSAGE, WRITE_TALK, TALK, messages.update_message, One[Message],
        body=MessageChanges),
    Row("DELETE", MESSAGE, WRITE_TALK, TALK, messages.delete_message, One[Done]),
    Row("GET", AGENT, READ_TALK, SEE_TALK, agent.get_agent, One[AgentStatus], volatile=MINUTES),
    Row("POST", f"{AGENT}/disable", WRITE_TALK, TALK, agent.disable_agent, One[Done],
        body=AgentPause),
    Row("POST", f"{AGENT}/enable", WRITE_TALK, TALK, agent.enable_agent, One[Done]),
    Row("GET", SUGGESTION, READ_TALK, SEE_TALK, suggestions.get_suggestion, One[AiSuggestion]),
    Row("PUT", SUGGESTION, WRITE_TALK, TALK, suggestions.put_suggestion, One[AiSuggestion],
        body=NewSuggestion),
    Row("DELETE", SUGGESTION, WRITE_TALK, TALK, suggestions.dismiss_suggestion, One[Done]),
    Row("POST", f"{SUGGESTION}/send", WRITE_TALK, TALK, suggestions.send_suggestion,
        One[SendResult], body=SuggestionSending),

    Row("GET", CHANNELS, READ_CHANNELS, SEE_CHANNELS, channels.list_channels, Page[Channel],
        ChannelListParameters),
    Row("GET", CHANNEL, READ_CHANNELS, SEE_CHANNELS, channels.get_channel, One[Channel]),
    Row("GET", BLOCKS, READ_CHANNELS, SEE_CHANNELS, blacklists.list_blocks, Page[BlacklistEntry],
        BlockListParameters),
    Row("POST", BLOCKS, WRITE_CHANNELS, CHANGE_CHANNELS, blacklists.create_block,
        One[BlacklistEntry], body=NewBlock, status=201),
    Row("GET", BLOCK, READ_CHANNELS, SEE_CHANNELS, blacklists.get_block, One[BlacklistEntry],
        volatile=REMAINING),
    Row("PUT", BLOCK, WRITE_CHANNELS, CHANGE_CHANNELS, blacklists.update_block,
        One[BlacklistEntry], body=BlockChanges),
)
# fmt: on

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

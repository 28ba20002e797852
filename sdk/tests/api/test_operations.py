"""Every operation is a value, and a method of both clients."""

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, get_origin, get_type_hints

import httpx2
import pytest

from flextell_sdk.api import operations
from flextell_sdk.api.operation import Operation, as_query
from flextell_sdk.client import AsyncClient, Client, _request
from flextell_sdk.errors import UnexpectedAnswer
from flextell_sdk.parts import AsyncPart, Part
from sdk.tests.world import World

UNDO = ("delete", "restore")
METHODS: dict[str, str] = {
    "about": "about",
    "list_tenants": "account.tenants",
    "list_customers": "customers.list",
    "get_me": "account.me",
    "get_my_roles": "account.roles",
    "get_tenant": "business.get",
    "update_tenant": "business.update",
    "list_roles": "roles.list",
    "get_role": "roles.get",
    "list_users": "users.list",
    **{f"{verb}_user": f"users.{verb}" for verb in ("create", "get", "update", "delete")},
    **{f"{verb}_file": f"files.{verb}" for verb in ("create", "get", "delete")},
    "list_files": "files.list",
    "list_customer_files": "files.of_customer",
    "create_customer_file": "files.create_for_customer",
    "list_conversations": "conversations.list",
    **{f"{verb}_conversation": f"conversations.{verb}" for verb in ("create", "get", "read")},
    "get_agent": "conversations.agent",
    "disable_agent": "conversations.disable_agent",
    "enable_agent": "conversations.enable_agent",
    "get_suggestion": "conversations.suggestion",
    "put_suggestion": "conversations.suggest",
    "dismiss_suggestion": "conversations.dismiss_suggestion",
    "send_suggestion": "conversations.send_suggestion",
    "list_messages": "messages.list",
    "create_message": "messages.send",
    "create_media_message": "messages.send_file",
    **{f"{verb}_message": f"messages.{verb}" for verb in ("get", "update", "delete")},
    "list_channels": "channels.list",
    "get_channel": "channels.get",
    "list_blocks": "blocks.list",
    **{f"{verb}_block": f"blocks.{verb}" for verb in ("create", "get", "update")},
    "list_user_roles": "users.roles",
    "replace_user_roles": "users.replace_roles",
    "get_customer": "customers.get",
    **{f"{verb}_customer": f"customers.{verb}" for verb in ("create", "update", *UNDO)},
    "put_customer_tag": "customers.put_tag",
    "delete_customer_tag": "customers.delete_tag",
    **{
        f"{verb}_{what}{'s' if verb == 'list' else ''}": f"{what}s.{verb}"
        for what in ("note", "tag")
        for verb in ("list", "create", "get", "update", *UNDO)
    },
}
# Those that make no operation with a name of its own.
GENERAL = {"call", "perform", "in_tenant"}
CLIENTS = [Client, AsyncClient]


def operation_functions() -> dict[str, Callable[..., Any]]:
    """Every public function of the module that makes an operation."""
    return {
        name: function
        for name, function in inspect.getmembers(operations, inspect.isfunction)
        if function.__module__ == operations.__name__
        and name[0] != "_"
        and get_origin(get_type_hints(function)["return"]) is Operation
    }


def method_of(client: object, path: str) -> Callable[..., Any]:
    found = client
    for name in path.split("."):
        found = getattr(found, name)
    assert callable(found)
    return found


def public_methods(client: object) -> set[str]:
    """Every method of a client and of its parts."""
    own = {name for name, _ in inspect.getmembers(client, inspect.ismethod) if name[0] != "_"}
    parts = {
        f"{part}.{name}"
        for part, of in vars(client).items()
        if isinstance(of, Part | AsyncPart)
        for name, _ in inspect.getmembers(of, callable)
        if name[0] != "_"
    }
    return own - GENERAL | parts


@pytest.mark.parametrize("client", CLIENTS)
def test_operations_and_methods_are_the_same_set(world: World, client: type[Any]) -> None:
    assert METHODS.keys() == operation_functions().keys()
    assert public_methods(client(world.photos.open("alice"))) == set(METHODS.values())


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("operation", "method"), METHODS.items(), ids=METHODS)
def test_a_method_takes_what_its_operation_takes(
    world: World, client: type[Any], operation: str, method: str
) -> None:
    made = method_of(client(world.photos.open("alice")), method)

    asked = inspect.signature(operation_functions()[operation], eval_str=True).parameters
    assert inspect.signature(made, eval_str=True).parameters == asked


@pytest.mark.parametrize("method", METHODS.values())
def test_a_method_is_documented_as_its_operation_is_and_the_same_in_both_clients(
    world: World, method: str
) -> None:
    alice = world.photos.open("alice")
    texts = [inspect.getdoc(method_of(client(alice), method)) for client in CLIENTS]

    assert texts[0]
    assert texts[0] == texts[1]


def test_every_operation_says_which_scope_it_takes_or_that_any_token_will_do() -> None:
    texts = {name: inspect.getdoc(made) or "" for name, made in operation_functions().items()}

    assert [name for name, text in texts.items() if not ("Scope:" in text or "token" in text)] == []


def test_a_list_is_asked_for_in_large_pages_unless_one_says_otherwise() -> None:
    assert operations.list_tenants().query == {"limit": "100"}
    assert operations.list_customers(limit=5, trashed=False, search="Bob").query == {
        "limit": "5",
        "trashed": "false",
        "search": "Bob",
    }


def test_a_path_has_its_values_in_it() -> None:
    assert operations.get_customer(7).path == "/v1/customers/7"
    with pytest.raises(ValueError, match="format code"):
        operations.get_customer("../secrets")  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": []}])
def test_an_answer_without_the_thing_is_not_what_was_expected(body: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        operations.get_customer(7).read(body)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"])
def test_a_key_makes_anything_repeatable(method: str) -> None:
    """RFC 9110 §9.2.2: some methods are idempotent by themselves."""
    by_itself = method not in ("POST", "PATCH")

    assert Operation(method, "/x", str).is_repeatable == by_itself
    assert Operation(method, "/x", str, idempotency_key="k").is_repeatable


def test_a_query_is_text_without_what_is_absent() -> None:
    query = as_query(
        yes=True,
        no=False,
        number=7,
        absent=None,
        empty="",
        day=date(2025, 6, 15),
        moment=datetime(2025, 6, 15, 15, 6, tzinfo=UTC),
    )

    assert query == {
        "yes": "true",
        "no": "false",
        "number": "7",
        "empty": "",
        "day": "2025-06-15",
        "moment": "2025-06-15T15:06:00+00:00",
    }


def test_what_changes_something_sends_it_as_json_with_times_as_text() -> None:
    made = operations.create_customer(
        first_name="Ada", date_of_birth=date(1815, 12, 10), tag_ids=[7], idempotency_key="k"
    )

    assert (made.method, made.path, made.idempotency_key) == ("POST", "/v1/customers", "k")
    assert made.body == {"first_name": "Ada", "date_of_birth": "1815-12-10", "tag_ids": [7]}
    assert made.is_repeatable
    assert operations.update_note(1, 2, content="x").path == "/v1/customers/1/notes/2"


def test_a_file_is_sent_as_a_form_with_what_goes_with_it(world: World) -> None:
    """RFC 7578."""
    made = operations.create_customer_file(7, "a.png", b"png", type="image", group_id="g")
    request = _request(httpx2.Client(), world.photos.open("alice"), None, made)

    body = request.read()
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="type"' in body
    assert b'name="file"; filename="a.png"' in body

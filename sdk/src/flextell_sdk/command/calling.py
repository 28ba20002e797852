"""`token` and `call`: the API from a shell, with a token that is always fresh."""

import json
import sys
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

from flextell_sdk.client import Client
from flextell_sdk.command.exits import ExitCode, UsageError
from flextell_sdk.command.place import Place
from flextell_sdk.command.printing import print_json
from flextell_sdk.errors import NotForThere

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def token(asked: Namespace, at: Place) -> ExitCode:
    """Print an access token, and nothing else."""
    with at.grant() as grant:
        # A stale one is refreshed while it is used; leaving the context waits for that.
        grant.tokens()
    print(grant.tokens().access_token)
    return ExitCode.OK


def call(asked: Namespace, at: Place) -> ExitCode:
    """Call the API, and print the JSON that it answers."""
    query = _query(asked)
    try:
        with at.grant() as grant:
            body = Client(grant, tenant=asked.tenant).call(
                asked.method,
                asked.path,
                query=query,
                body=asked.data,
                idempotency_key=asked.idempotency_key,
            )
    except NotForThere as problem:
        raise UsageError(str(problem)) from None
    if body is not None:
        print_json(body)
    return ExitCode.OK


def _query(asked: Namespace) -> dict[str, object] | None:
    """The parameters of --query. Raises UsageError rather than drop one."""
    if asked.query and "?" in asked.path:
        raise UsageError("Write the query in PATH or with --query, not both.")
    query: dict[str, object] = dict(asked.query)
    if len(query) < len(asked.query):
        raise UsageError("--query names a parameter twice.")
    return query or None


def path_of(text: str) -> str:
    """PATH, as it follows the API's address; some shells make something else of a first slash."""
    if "://" in text:
        raise ArgumentTypeError("write what follows the address of the API, as in /v1/customers")
    return f"/{text.lstrip('/')}" if text else ""


def parameter(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError("write it as NAME=VALUE")
    return name, value


def json_in(text: str) -> Any:
    """The JSON that is written there, is in a file (`@FILE`), or comes on standard input (`-`)."""
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text("utf-8")
        return json.loads(text)
    except OSError as problem:
        raise ArgumentTypeError(f"it cannot be read: {problem.strerror}") from None
    except ValueError:
        raise ArgumentTypeError("this is not JSON") from None

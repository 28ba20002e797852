"""A call of each endpoint, ready to paste: with curl, and in Python with our SDK.

Made from the row of the endpoint. The SDK names its operations as we do; tests hold it to that.
"""

import json
import re
from collections.abc import Mapping
from shlex import quote
from typing import Any

from flextell.api.bodies import Body
from flextell.api.routes import PREFIX
from flextell.api.row import Row

Fields = Mapping[str, Any]
Schema = Mapping[str, Any]

# What a field holds whose name says more than its type.
EXAMPLES: Mapping[str, Any] = {
    "name": "Ada Lovelace",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "phone_number": "+905321234567",
    "password": "a phrase of your own",
    "password_confirmation": "a phrase of your own",
    "color": "#0B5563",
    "content": "Prefers to be called in the morning.",
    "message": "See you tomorrow at ten.",
    "original_text": "Yes, we are open on Saturday.",
    "title": "Dentist",
    "type": "image",
    "fileable_type": "customer",
}
BY_TYPE: Mapping[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}
ANY_ID = "1"
FILE = "photo.jpg"
PAGE = {"limit": 20}
WIDTH = 66

SIGN_IN = """\
from flextell_sdk import App, Client, sign_in_here
from flextell_sdk.api import operations

client = Client(sign_in_here(App.from_file("app.json")))
"""
READ_FILE = f"""\
from pathlib import Path

{SIGN_IN}content = Path("{FILE}").read_bytes()
"""

_NAME = re.compile(r"\{[^}]+\}")


def samples(row: Row, method: str, issuer: str) -> list[dict[str, str]]:
    """The samples of an operation, as `x-codeSamples` has them."""
    return [
        {"lang": "Shell", "label": "curl", "source": curl(row, method, issuer)},
        {"lang": "Python", "label": "flextell-sdk", "source": python(row)},
    ]


def curl(row: Row, method: str, issuer: str) -> str:
    """The call as a line for a shell that has the token in a variable."""
    url = issuer + PREFIX + _NAME.sub(ANY_ID, row.path)
    options = ['-H "Authorization: Bearer $ACCESS_TOKEN"']
    if row.query is not None:
        url += "".join(f"?{name}={value}" for name, value in PAGE.items())
    if row.body is not None:
        options += ['-H "Content-Type: application/json"', f"-d {quote(_json(fields(row.body)))}"]
    if row.form is not None:
        parts = {"file": f"@{FILE}", **fields(row.form)}
        options += [f"-F {quote(f'{name}={value}')}" for name, value in parts.items()]
    start = "curl" if method == "GET" else f"curl -X {method}"
    return " \\\n    ".join((f"{start} {quote(url)}", *options))


def python(row: Row) -> str:
    """The call as a program. It signs in once, and never again while its tokens are kept."""
    arguments = [ANY_ID for _ in _NAME.findall(row.path)]
    if row.form is not None:
        arguments += [json.dumps(FILE), "content"]
    named = PAGE if row.query is not None else fields(row.body or row.form)
    arguments += [f"{name}={_literal(value)}" for name, value in named.items()]
    called = _called(f"operations.{row.run.__name__}", arguments)
    start = SIGN_IN if row.form is None else READ_FILE
    return f"{start}answer = client.perform({called})\n"


def fields(body: type[Body] | None) -> Fields:
    """What a sample sends: all that is required; else the first of what may be changed."""
    if body is None:
        return {}
    schema = body.model_json_schema()
    return _members(schema, schema.get("$defs", {}))


def _members(schema: Schema, known: Mapping[str, Schema]) -> Fields:
    members: Mapping[str, Schema] = schema.get("properties", {})
    sent = schema.get("required") or list(members)[:1]
    return {name: _example(name, members[name], known) for name in sent}


def _example(name: str, schema: Schema, known: Mapping[str, Schema]) -> Any:
    """A value that the schema of a field allows."""
    if "$ref" in schema:
        return _example(name, known[schema["$ref"].rpartition("/")[2]], known)
    if "anyOf" in schema:
        return _example(name, schema["anyOf"][0], known)
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum") or [schema["const"]]
        return EXAMPLES[name] if EXAMPLES.get(name) in choices else choices[0]
    if schema.get("type") == "array":
        return [_example(name, schema["items"], known)]
    if "properties" in schema:
        return _members(schema, known)
    if schema.get("format") == "date-time":
        return "1990-05-17"
    return EXAMPLES.get(name, BY_TYPE[schema.get("type", "null")])


def _called(function: str, arguments: list[str]) -> str:
    """A call in one line if it fits, else with a line for each argument."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return line
    lines = "".join(f"        {argument},\n" for argument in arguments)
    return f"\n    {function}(\n{lines}    )\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(value: Any) -> str:
    """A value in Python, its texts in double quotes."""
    if isinstance(value, str):
        return _json(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_json(name)}: {_literal(v)}' for name, v in value.items())}}}"
    return repr(value)

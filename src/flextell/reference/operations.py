"""The OpenAPI document, read as the pages show it: what to send, what comes, who may.

Schemas become lines: `data[].id` is the id of each thing in the list `data`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flextell.oauth.scopes import CATALOGUE, ScopeLine
from flextell.tenants.model import LARGEST_ID

Schema = Mapping[str, Any]

# How JSON Schema bounds a value, and how people say it.
LIMITS: Mapping[str, str] = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
}
DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One value: a parameter, a header, or a member of a body."""

    name: str
    kind: str
    description: str = ""
    required: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What may come back under one status."""

    status: int
    description: str
    headers: tuple[Line, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A call, ready to paste."""

    label: str
    source: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Each of the scopes suffices; without a permission no tenant is acted in."""

    operation_id: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    scopes: tuple[ScopeLine, ...]
    permission: str
    roles: tuple[str, ...]
    parameters: tuple[Line, ...]
    content_type: str
    body: tuple[Line, ...]
    replies: tuple[Reply, ...]
    samples: tuple[Sample, ...]

    @property
    def success(self) -> Reply:
        """What comes when all is well."""
        return next(reply for reply in self.replies if reply.status < 300)

    @property
    def errors(self) -> tuple[Reply, ...]:
        """How it may fail."""
        return tuple(reply for reply in self.replies if reply.status >= 400)


@dataclass(frozen=True, slots=True)
class Group:
    """The operations on one kind of thing."""

    name: str
    operations: tuple[Operation, ...]


def groups(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """Every operation, by kind of thing, in the order of the document."""
    components = document["components"]
    schemas, failures = Schemas(components["schemas"]), components["responses"]
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            made = _operation(path, method, described, schemas, failures)
            found.setdefault(made.tag, []).append(made)
    return tuple(Group(name, tuple(operations)) for name, operations in found.items())


class Schemas:
    """The named schemas of a document, to read others by."""

    def __init__(self, named: Mapping[str, Schema]) -> None:
        self._named = named

    def lines(self, schema: Schema, before: str = "", depth: int = 0) -> Iterator[Line]:
        """Each member of an object, and the members of those that are objects themselves."""
        schema = self._resolved(schema)
        required = schema.get("required", ())
        for name, member in schema.get("properties", {}).items():
            yield Line(
                before + name,
                self.kind(member),
                self._resolved(member).get("description", "") if "$ref" not in member else "",
                name in required,
            )
            inner, mark = self._inside(member)
            if depth < DEEPEST:
                yield from self.lines(inner, f"{before}{name}{mark}.", depth + 1)

    def kind(self, schema: Schema) -> str:
        """What a value is, in words."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(map(self.kind, schema["anyOf"])))
        if "const" in schema or "enum" in schema:
            values = schema.get("enum") or [schema["const"]]
            return " or ".join(dict.fromkeys(map(_value, values)))
        kind = schema.get("format") or schema.get("type", "anything")
        if kind == "array":
            kind = f"list of {self.kind(schema.get('items', {}))}"
        limits = [
            words.format(f"`{schema[name]}`")
            for name, words in LIMITS.items()
            if name in schema and schema[name] != LARGEST_ID
        ]
        return ", ".join((kind, *limits))

    def _resolved(self, schema: Schema) -> Schema:
        return _looked_up(schema, self._named)

    def _inside(self, schema: Schema) -> tuple[Schema, str]:
        """The object that a value is or lists, and how its members are written after its name."""
        schema = self._resolved(schema)
        for choice in schema.get("anyOf", ()):
            inner, mark = self._inside(choice)
            if inner:
                return inner, mark
        if schema.get("type") == "array":
            inner, mark = self._inside(schema.get("items", {}))
            return inner, f"[]{mark}"
        return (schema, "") if "properties" in schema else ({}, "")


def _looked_up(said: Schema, named: Mapping[str, Schema]) -> Schema:
    """What is said, in place of the name that it may go by."""
    while "$ref" in said:
        said = named[said["$ref"].rpartition("/")[2]]
    return said


def _value(value: object) -> str:
    """One of the values that there are; a text stands without its quotes."""
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _operation(
    path: str, method: str, described: Schema, schemas: Schemas, failures: Mapping[str, Schema]
) -> Operation:
    content_type, body = _content(described.get("requestBody", {}))
    needed = {scope for each in described["security"] for some in each.values() for scope in some}
    return Operation(
        operation_id=described["operationId"],
        tag=described["tags"][0],
        method=method.upper(),
        path=path,
        summary=described["summary"],
        description=described.get("description", ""),
        scopes=tuple(CATALOGUE[scope] for scope in CATALOGUE if scope in needed),
        permission=described.get("x-permission", ""),
        roles=tuple(described.get("x-roles", ())),
        parameters=tuple(_parameters(described.get("parameters", ()), schemas)),
        content_type=content_type,
        body=tuple(schemas.lines(body)),
        replies=tuple(_replies(described["responses"], schemas, failures)),
        samples=tuple(Sample(s["label"], s["source"]) for s in described["x-codeSamples"]),
    )


def _parameters(parameters: Sequence[Schema], schemas: Schemas) -> Iterator[Line]:
    for each in parameters:
        yield Line(
            each["name"],
            schemas.kind(each["schema"]),
            each.get("description") or each["schema"].get("description", ""),
            each.get("required", False),
            each["in"],
        )


def _replies(
    responses: Mapping[str, Schema], schemas: Schemas, failures: Mapping[str, Schema]
) -> Iterator[Reply]:
    for status, said in sorted(responses.items()):
        described = _looked_up(said, failures)
        _, schema = _content(described)
        headers = tuple(
            Line(name, schemas.kind(header["schema"]), header.get("description", ""))
            for name, header in described.get("headers", {}).items()
        )
        yield Reply(int(status), described["description"], headers, tuple(schemas.lines(schema)))


def _content(described: Schema) -> tuple[str, Schema]:
    """The type of a body and its schema; empty if there is none."""
    for content_type, content in described.get("content", {}).items():
        return content_type, content.get("schema", {})
    return "", {}

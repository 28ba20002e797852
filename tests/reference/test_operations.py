"""Schemas are read as lines that people understand."""

from typing import Any

import pytest

from flextell.reference.operations import Line, Schemas

PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 9, "description": "As it is spoken."},
        "boss": {"anyOf": [{"$ref": "#/components/schemas/Person"}, {"type": "null"}]},
    },
}
SCHEMAS = Schemas({"Person": PERSON})


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "integer"}, "integer"),
        ({}, "anything"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, "integer, at least `1`"),
        ({"enum": ["asc", "desc"]}, "`asc` or `desc`"),
        ({"const": True}, "`true`"),
        ({"anyOf": [{"const": True}, {"const": "true"}]}, "`true`"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        (
            {"type": "array", "maxItems": 3, "items": {"type": "string"}},
            "list of string, at most `3` items",
        ),
        ({"$ref": "#/components/schemas/Person"}, "object"),
    ],
)
def test_a_schema_is_said_in_words(schema: Any, kind: str) -> None:
    assert SCHEMAS.kind(schema) == kind


def test_members_of_objects_and_lists_have_names_that_lead_to_them() -> None:
    body = {"properties": {"data": {"type": "array", "items": {"$ref": "#/x/Person"}}}}

    lines = list(SCHEMAS.lines(body))

    assert lines[:3] == [
        Line("data", "list of object"),
        Line("data[].name", "string, at most `9` characters", "As it is spoken.", required=True),
        Line("data[].boss", "object or null"),
    ]


def test_what_holds_itself_is_followed_so_deep_and_no_deeper() -> None:
    names = [line.name for line in SCHEMAS.lines(PERSON)]

    assert names[-1] == "boss.boss.boss.boss.boss.boss"

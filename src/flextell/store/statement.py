"""Statements that requests ask all the time: written once, for one set of values or for many.

A set-based statement costs PostgreSQL a fraction of what the same statement costs it sixteen
times, and one round trip in place of sixteen.
"""

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

NAMED = re.compile(r"(?<![:\w]):([a-z_]\w*)")
"""A `:name` in a statement, and not a `::cast`."""

EACH = re.compile(r" IN each\((:\w+)\)")
"""What asks for rows by their ids, as many as there are, in one parameter."""

Values = tuple[Any, ...]

# SQL type → its number in PostgreSQL (pg_type.dat)
_NUMBERS = {"bytea": 17, "bigint": 20, "text": 25}
_NULL = b"\xff\xff\xff\xff"
_ONE_DIMENSION = 1


class Effect(Enum):
    """What a statement does to others that are in a transaction at the same time."""

    READS = "nothing"
    CLAIMS = "takes rows, so that others wait"
    WRITES = "changes or adds rows"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """SQL with `:names`, and the type of each.

    `claims`: the column of the answer that says what the unit of work holds until it ends; units
    that share a transaction do not wait for each other's locks. `first`: rows of other statements
    refer to what this one adds.
    """

    sql: str
    types: dict[str, str]
    effect: Effect = Effect.READS
    claims: int | None = None
    first: bool = False
    anew: bool = False

    def values(self, named: Mapping[str, Any]) -> Values:
        """The values in the order of `types`."""
        return tuple([named[name] for name in self.types])


def with_arrays(sql: str) -> str:
    """The same with what PostgreSQL has for `IN each(:ids)`, whose ids are a JSON array."""
    return EACH.sub(r" = ANY(CAST(translate(\1, '[]', '{}') AS BIGINT[]))", sql)


@lru_cache(maxsize=512)
def for_many(statement: Statement) -> str:
    """The statement for any number of sets of values, an array for each name ($1, $2 ...).

    Each row of the answer begins with the number, from 1, of the values that it answers.
    """
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(statement.types.values(), 1))
    columns = ", ".join(f"p_{name}" for name in statement.types)
    asked = f"unnest({arrays}) WITH ORDINALITY AS asked({columns}, asked_n)"
    sql = NAMED.sub(r"asked.p_\1", with_arrays(statement.sql.strip()))
    verb = sql.partition(" ")[0]
    if verb == "SELECT":
        return f"SELECT asked.asked_n, found.* FROM {asked} CROSS JOIN LATERAL ({sql}) AS found"
    if verb == "INSERT":
        into, _, values = sql.partition(" VALUES ")
        return f"{into} SELECT {values.strip('()')} FROM {asked}"
    change, _, which = sql.partition(" WHERE ")
    which = which.replace(" RETURNING ", " RETURNING asked.asked_n, ")
    return f"{change} FROM {asked} WHERE {which}"


def packed(statement: Statement, many: Sequence[Values]) -> list[bytes]:
    """The values as PostgreSQL's binary arrays, one for each name."""
    columns = zip(statement.types.values(), zip(*many, strict=True), strict=True)
    return [_PACK[kind](column) for kind, column in columns]


def _pack_bytes(items: Sequence[bytes | None]) -> bytes:
    parts = [_head("bytea", items)]
    for item in items:
        parts.append(_NULL if item is None else _length(len(item)) + item)
    return b"".join(parts)


def _pack_text(items: Sequence[str | None]) -> bytes:
    encoded = [None if item is None else item.encode() for item in items]
    return _head("text", items) + _pack_bytes(encoded)[20:]


def _pack_numbers(items: Sequence[int | None]) -> bytes:
    parts = [_head("bigint", items)]
    parts += [_NULL if item is None else _number(8, item) for item in items]
    return b"".join(parts)


_length = struct.Struct(">i").pack
_number = struct.Struct(">iq").pack
_header = struct.Struct(">iiiii").pack


def _head(kind: str, items: Sequence[Any]) -> bytes:
    return _header(_ONE_DIMENSION, None in items, _NUMBERS[kind], len(items), 1)


_PACK: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "bytea": _pack_bytes,
    "text": _pack_text,
    "bigint": _pack_numbers,
}

"""Read JSON into frozen dataclasses: strict about what is needed, indifferent to what is new.

The reader of a class is made once, from its annotations. A member that the class does not know is
left out, so that an API that grows breaks nothing; one that is missing takes the field's default.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from flextell_sdk.errors import UnexpectedAnswer

T = TypeVar("T")
Read = Callable[[Any], Any]

_SIMPLE: Mapping[object, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
}


def reader(of: type[T]) -> Callable[[Any], T]:
    """A function from a JSON object to an instance of the dataclass `of`.

    It raises UnexpectedAnswer.
    """
    made: Callable[[Any], T] | None = _made.get(of)
    if made is None:
        made = _made[of] = _reader(of)
    return made


_made: dict[type, Read] = {}


def _reader(of: type[T]) -> Callable[[Any], T]:
    hints = get_type_hints(of)
    name = of.__name__
    members = [
        (each.name, _read(hints[each.name], f"{name}.{each.name}"), each.default)
        for each in fields(of)  # type: ignore[arg-type]
    ]

    def read(value: Any) -> T:
        if not isinstance(value, dict):
            raise UnexpectedAnswer(f"The answer has no {name} where one is expected.")
        found = []
        for member, convert, default in members:
            if member in value:
                found.append(convert(value[member]))
            elif default is not MISSING:
                found.append(default)
            else:
                raise UnexpectedAnswer(f"The answer lacks {name}.{member}.")
        return of(*found)

    return read


def _read(kind: Any, where: str) -> Read:
    if kind in _SIMPLE:
        return _simple(_SIMPLE[kind], where)
    if kind is Any:
        return _as_it_is
    if kind is datetime:
        return _moment(where)
    if get_origin(kind) in (Union, types.UnionType):
        return _optional(_read(next(a for a in get_args(kind) if a is not types.NoneType), where))
    if get_origin(kind) is tuple:
        return _several(_read(get_args(kind)[0], where), where)
    if is_dataclass(kind):
        return reader(kind)  # type: ignore[arg-type]
    raise TypeError(f"{where} has a type that cannot be read from JSON")


def _as_it_is(value: Any) -> Any:
    """What has no form of its own, such as metadata."""
    return value


def _simple(kinds: tuple[type, ...], where: str) -> Read:
    def read(value: Any) -> Any:
        # Not isinstance: a bool is an int.
        if type(value) not in kinds:
            raise UnexpectedAnswer(f"{where} is not a {kinds[-1].__name__} in the answer.")
        return value

    return read


def _moment(where: str) -> Read:
    def read(value: Any) -> datetime:
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise UnexpectedAnswer(f"{where} is not a time in the answer.") from None

    return read


def _optional(some: Read) -> Read:
    return lambda value: None if value is None else some(value)


def _several(one: Read, where: str) -> Read:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise UnexpectedAnswer(f"{where} is not a list in the answer.")
        return tuple([one(each) for each in value])

    return read

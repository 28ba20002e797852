"""JSON into frozen values: strict about what is needed, indifferent to what is new."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.api import models
from flextell_sdk.api.models import Customer, Location, Reference, Tag, Tenant
from flextell_sdk.api.reading import reader
from flextell_sdk.errors import UnexpectedAnswer
from sdk.tests.strategies import any_json


@dataclass(frozen=True, slots=True)
class Thing:
    """One member of every kind."""

    text: str
    whole: int
    number: float
    truth: bool
    moment: datetime
    other: Reference
    several: tuple[Tag, ...]
    perhaps: str | None
    absent: str | None = None
    usual: int = 7
    words: tuple[str, ...] = ()


SAID: dict[str, Any] = {
    "text": "Zoë",
    "whole": 1,
    "number": 1.5,
    "truth": False,
    "moment": "2025-06-15T15:06:40Z",
    "other": {"id": 1, "name": "Berlin"},
    "several": [{"id": 1, "name": "new", "color": "#ff0000"}],
    "perhaps": None,
}
THING = Thing(
    text="Zoë",
    whole=1,
    number=1.5,
    truth=False,
    moment=datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC),
    other=Reference(1, "Berlin"),
    several=(Tag(1, "new", "#ff0000"),),
    perhaps=None,
)
read = reader(Thing)


def test_what_is_there_is_read() -> None:
    assert read(SAID) == THING


def test_what_is_new_is_left_out() -> None:
    assert read({**SAID, "new": 1, "other": {**SAID["other"], "new": [2]}}) == THING


def test_a_number_may_be_whole() -> None:
    assert read({**SAID, "number": 2}).number == 2


@pytest.mark.parametrize("name", SAID)
def test_what_is_needed_and_missing_is_named(name: str) -> None:
    without = {other: value for other, value in SAID.items() if other != name}

    with pytest.raises(UnexpectedAnswer, match=rf"lacks Thing\.{name}\."):
        read(without)


WRONG: dict[str, list[Any]] = {
    "text": [None, 1, True, ["x"], {}],
    "whole": [None, "1", 1.5, True, []],
    "number": [None, "1.5", True, []],
    "truth": [None, 0, 1, "true", ""],
    "moment": [None, 0, "soon", "2025-13-01", "", []],
    "other": [None, 1, "x", [], {}],
    "several": [None, 1, "x", {}, [None], [1], [[]]],
    "usual": [None, True, "7"],
    "words": [None, "words", [None], [1]],
    "perhaps": [1, True, []],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_what_is_of_another_kind_is_refused(name: str, value: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        read({**SAID, name: value})


@pytest.mark.parametrize("body", [None, 1, "x", [], [SAID], True])
def test_what_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="no Thing"):
        read(body)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*SAID, "usual", "new"), any_json)))
def test_any_json_is_read_or_refused(changed: dict[str, Any]) -> None:
    try:
        thing = read({**SAID, **changed})
    except UnexpectedAnswer:
        return
    assert isinstance(thing, Thing)


def test_what_cannot_be_read_from_json_is_noticed_when_the_reader_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        member: set[int]

    with pytest.raises(TypeError, match=r"Odd\.member"):
        reader(Odd)


RESOURCES = [
    kind
    for kind in vars(models).values()
    if isinstance(kind, type) and kind.__module__ == models.__name__
]


@pytest.mark.parametrize("kind", RESOURCES)
def test_every_resource_has_a_reader(kind: type) -> None:
    with pytest.raises(UnexpectedAnswer):
        reader(kind)(None)


def test_a_tenant_is_read_as_the_api_writes_it() -> None:
    tenant = reader(Tenant)(
        {
            "id": 7,
            "name": "Bright Clinic",
            "location": {"latitude": "52.52", "longitude": "13.405"},
            "services": ["x-rays"],
            "work_hours": [{"day": "monday", "enabled": True, "open": "08:00", "close": "17:00"}],
            "city": {"id": 1, "name": "Berlin"},
            "created_at": "2025-06-15T15:06:40.123456+00:00",
        }
    )

    assert tenant.location == Location("52.52", "13.405")
    assert (tenant.services, tenant.work_hours[0].day) == (("x-rays",), "monday")
    assert tenant.created_at == datetime(2025, 6, 15, 15, 6, 40, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "full"), [("Bob", "Builder", "Bob Builder"), ("Bob", "", "Bob"), ("", "", "")]
)
def test_a_full_name_has_no_space_too_many(first: str, last: str, full: str) -> None:
    assert Customer(1, first, last).full_name == full


@given(st.datetimes(timezones=st.just(UTC)))
@example(datetime(1, 1, 1, tzinfo=UTC))
def test_any_moment_is_read(moment: datetime) -> None:
    assert read({**SAID, "moment": moment.isoformat()}).moment == moment

"""Lists, fetched page by page as they are read."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from flextell_sdk.api.models import Reference
from flextell_sdk.api.operation import Operation
from flextell_sdk.api.paging import AsyncListing, Listing, Page, following, page_of
from flextell_sdk.errors import UnexpectedAnswer

pytestmark = pytest.mark.anyio

read = page_of(Reference)
FIRST: Operation[Page[Reference]] = Operation("GET", "/v1/things", read, {"limit": "2", "q": "x"})


def a_page(numbers: list[int], cursor: str | None, **meta: Any) -> Page[Reference]:
    data = [{"id": number, "name": f"thing {number}"} for number in numbers]
    said = {"cursor": cursor, "has_more": cursor is not None, "total": 5, **meta}
    return read({"data": data, "meta": said})


# What is on the page behind a cursor, and the cursor behind that page.
PAGES: dict[str | None, tuple[list[int], str | None]] = {
    None: ([1, 2], "c2"),
    "c2": ([3, 4], "c4"),
    "c4": ([5], None),
}


class Things:
    """The API, which counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Operation[Page[Reference]]] = []

    def perform(self, operation: Operation[Page[Reference]]) -> Page[Reference]:
        self.asked.append(operation)
        return a_page(*PAGES[operation.query.get("cursor")])

    async def perform_async(self, operation: Operation[Page[Reference]]) -> Page[Reference]:
        await checkpoint()
        return self.perform(operation)

    @property
    def cursors(self) -> list[str | None]:
        return [operation.query.get("cursor") for operation in self.asked]


@pytest.fixture
def things() -> Things:
    return Things()


def in_threads(things: Things) -> AsyncIterator[Reference]:
    return slowly(iter(Listing(things.perform, FIRST)))


async def slowly(items: Iterator[Reference]) -> AsyncIterator[Reference]:
    for item in items:
        yield item


def in_tasks(things: Things) -> AsyncIterator[Reference]:
    return aiter(AsyncListing(things.perform_async, FIRST))


both = pytest.mark.parametrize("read_list", [in_threads, in_tasks])
ReadList = Callable[[Things], AsyncIterator[Reference]]


@both
async def test_a_list_is_all_of_its_pages(things: Things, read_list: ReadList) -> None:
    assert [thing.id async for thing in read_list(things)] == [1, 2, 3, 4, 5]
    assert things.cursors == [None, "c2", "c4"]


@both
async def test_a_page_is_not_fetched_before_it_is_needed(
    things: Things, read_list: ReadList
) -> None:
    items = read_list(things)
    before = len(things.asked)
    progress = [(await anext(items)).id, len(things.asked)]
    progress += [(await anext(items)).id, len(things.asked)]
    progress += [(await anext(items)).id, len(things.asked)]

    assert before == 0
    assert progress == [1, 1, 2, 1, 3, 2]


@both
async def test_every_page_is_asked_for_as_the_first_was(
    things: Things, read_list: ReadList
) -> None:
    async for _ in read_list(things):
        pass

    assert {(each.method, each.path, each.query["limit"]) for each in things.asked} == {
        ("GET", "/v1/things", "2")
    }
    assert {each.query["q"] for each in things.asked} == {"x"}
    assert FIRST.query == {"limit": "2", "q": "x"}


async def test_pages_themselves_can_be_reached(things: Things) -> None:
    pages = list(Listing(things.perform, FIRST).pages())
    listing = AsyncListing(Things().perform_async, FIRST)

    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert pages == [page async for page in listing.pages()]
    assert pages[0].total == 5


async def test_the_first_page_alone_is_one_request(things: Things) -> None:
    other = Things()
    first = Listing(things.perform, FIRST).first_page()

    assert [thing.id for thing in first.items] == [1, 2]
    assert first == await AsyncListing(other.perform_async, FIRST).first_page()
    assert (things.cursors, other.cursors) == ([None], [None])


def test_a_list_can_be_read_twice(things: Things) -> None:
    listing = Listing(things.perform, FIRST)

    assert [*listing] == [*listing]
    assert len(things.asked) == 6


def test_a_list_that_goes_on_without_saying_where_has_ended() -> None:
    asked = []

    def perform(operation: Operation[Page[Reference]]) -> Page[Reference]:
        asked.append(operation)
        return a_page([1], None, has_more=True)

    assert len(list(Listing(perform, FIRST))) == 1
    assert len(asked) == 1


def test_a_page_that_leads_to_itself_ends_the_list() -> None:
    """Or a mistake of the server would keep its reader for ever."""
    asked = []

    def perform(operation: Operation[Page[Reference]]) -> Page[Reference]:
        asked.append(operation)
        assert len(asked) < 10, "it never ends"
        return a_page([1], "the same again")

    with pytest.raises(UnexpectedAnswer):
        list(Listing(perform, FIRST))


def test_nothing_follows_the_last_page() -> None:
    assert following(FIRST, a_page([5], None)) is None
    assert following(FIRST, a_page([5], "c6", has_more=False)) is None
    assert not a_page([5], None, has_more=True).has_more


def test_a_list_that_does_not_say_how_long_it_is_has_no_total() -> None:
    assert read({"data": [], "meta": {"has_more": False}}) == Page((), None, False, None)


BODIES: dict[str, Any] = {
    "nothing": None,
    "no object": [],
    "no data": {"meta": {}},
    "no meta": {"data": []},
    "data that is no list": {"data": {}, "meta": {}},
    "data that is a text": {"data": "", "meta": {}},
    "data that is a number": {"data": 7, "meta": {}},
    "an item of another kind": {"data": [7], "meta": {}},
    "meta that is no object": {"data": [], "meta": []},
    "a cursor that is no text": {"data": [], "meta": {"cursor": 7, "has_more": True}},
    "more in words": {"data": [], "meta": {"cursor": "c", "has_more": "false"}},
    "a total in words": {"data": [], "meta": {"total": "many"}},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_is_no_page_is_refused(body: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        read(body)

"""Lists, fetched page by page as they are read, by the cursor that each page carries."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from flextell_sdk.api.operation import Operation
from flextell_sdk.api.reading import reader
from flextell_sdk.errors import UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list. `cursor` continues after its last item; `total` counts the whole list."""

    items: tuple[T, ...]
    cursor: str | None
    has_more: bool
    total: int | None


@dataclass(frozen=True, slots=True)
class Meta:
    """Where a page is in its list, as the answer says it."""

    cursor: str | None = None
    has_more: bool = False
    total: int | None = None


def page_of(kind: type[T]) -> Callable[[Any], Page[T]]:
    """How to read a page of things of this kind."""
    read_one, read_meta = reader(kind), reader(Meta)

    def read(body: Any) -> Page[T]:
        found = body.get("data") if isinstance(body, dict) else None
        if not isinstance(found, list):
            raise UnexpectedAnswer("The answer is not a page of a list.")
        meta = read_meta(body.get("meta"))
        has_more = meta.has_more and meta.cursor is not None
        return Page(tuple([read_one(each) for each in found]), meta.cursor, has_more, meta.total)

    return read


def following(operation: Operation[Page[T]], page: Page[T]) -> Operation[Page[T]] | None:
    """The operation that gets the page after this one, None after the last.

    Raises UnexpectedAnswer for a page that leads to itself: the list would never end.
    """
    if not page.has_more or page.cursor is None:
        return None
    if operation.query.get("cursor") == page.cursor:
        raise UnexpectedAnswer("A page of the list leads to itself.")
    return replace(operation, query={**operation.query, "cursor": page.cursor})


class Listing(Generic[T]):
    """A list that is fetched while it is read: `for customer in client.customers.list(): …`."""

    def __init__(
        self, perform: Callable[[Operation[Page[T]]], Page[T]], first: Operation[Page[T]]
    ) -> None:
        self._perform = perform
        self._first = first

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """The pages themselves."""
        operation: Operation[Page[T]] | None = self._first
        while operation is not None:
            page = self._perform(operation)
            yield page
            operation = following(operation, page)

    def first_page(self) -> Page[T]:
        """The first page alone."""
        return self._perform(self._first)


class AsyncListing(Generic[T]):
    """As `Listing`, for `async for`."""

    def __init__(
        self, perform: Callable[[Operation[Page[T]]], Awaitable[Page[T]]], first: Operation[Page[T]]
    ) -> None:
        self._perform = perform
        self._first = first

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """The pages themselves."""
        operation: Operation[Page[T]] | None = self._first
        while operation is not None:
            page = await self._perform(operation)
            yield page
            operation = following(operation, page)

    async def first_page(self) -> Page[T]:
        """The first page alone."""
        return await self._perform(self._first)

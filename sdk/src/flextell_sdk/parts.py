"""The parts of a client: an operation becomes a method, in one line for threads and for tasks."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from flextell_sdk.api.operation import Operation
from flextell_sdk.api.paging import AsyncListing, Listing, Page

if TYPE_CHECKING:
    from flextell_sdk.client import AsyncClient, Client

P = ParamSpec("P")
T = TypeVar("T")


class Part:
    """What of a client has to do with one kind of thing, in threads."""

    def __init__(self, client: "Client") -> None:
        self._client = client


class AsyncPart:
    """The same, in tasks."""

    def __init__(self, client: "AsyncClient") -> None:
        self._client = client


class Calls(Generic[P, T]):
    """A method that performs an operation and returns what it reads."""

    def __init__(self, make: Callable[P, Operation[T]]) -> None:
        self._make = make

    def __get__(self, part: Part, _owner: object = None) -> Callable[P, T]:
        """The method of this part."""
        return _method(self._make, part._client.perform)


class AsyncCalls(Generic[P, T]):
    """The same, to be awaited."""

    def __init__(self, make: Callable[P, Operation[T]]) -> None:
        self._make = make

    def __get__(self, part: AsyncPart, _owner: object = None) -> Callable[P, Awaitable[T]]:
        """The method of this part."""
        return _method(self._make, part._client.perform)


class Lists(Generic[P, T]):
    """A method that returns a list, which is read page by page."""

    def __init__(self, make: Callable[P, Operation[Page[T]]]) -> None:
        self._make = make

    def __get__(self, part: Part, _owner: object = None) -> Callable[P, Listing[T]]:
        """The method of this part."""
        return _method(self._make, lambda made: Listing(part._client.perform, made))


class AsyncLists(Generic[P, T]):
    """The same, for `async for`."""

    def __init__(self, make: Callable[P, Operation[Page[T]]]) -> None:
        self._make = make

    def __get__(self, part: AsyncPart, _owner: object = None) -> Callable[P, AsyncListing[T]]:
        """The method of this part."""
        return _method(self._make, lambda made: AsyncListing(part._client.perform, made))


def _method(make: Callable[P, Any], use: Callable[[Any], T]) -> Callable[P, T]:
    """A function that takes what makes the operation, and is documented as it is."""

    @wraps(make)
    def method(*args: P.args, **kwargs: P.kwargs) -> T:
        return use(make(*args, **kwargs))

    return method

"""What bodies are wrapped in (wire §c.4, §e 4): `success` and `data`, or `error` and `message`."""

from typing import Generic, Literal, TypeVar

from typing_extensions import TypedDict

from flextell.settings import Settings

T = TypeVar("T")

Success = Literal[True, "true"]


class One(TypedDict, Generic[T]):
    """One thing."""

    success: Success
    data: T


class Done(TypedDict):
    """What was done, in a sentence."""

    message: str


class Error(TypedDict):
    """Why not: a code for programs and a sentence for their developers."""

    error: str
    message: str


def success(settings: Settings) -> Success:
    """What `success` says: JSON's true, or text for clients that expect text."""
    return "true" if settings.success_as_text else True


def done(success: Success, message: str) -> One[Done]:
    """The answer to something that leaves nothing to show."""
    return {"success": success, "data": {"message": message}}

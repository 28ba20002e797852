"""What can go wrong, and how each case is explained to the person."""

from collections.abc import Mapping
from typing import NamedTuple

import httpx2

from flextell_sdk import errors


class StaleForm(Exception):
    """A form without the number of this browser."""


class StillConnected(Exception):
    """Flextell did not confirm that the tokens are over."""


class Explanation(NamedTuple):
    """A page's status, title, what happened, what it means for you, and the button that helps.

    `shows_detail`: the error's own words stand below; they never hold a secret.
    """

    status: int
    title: str
    happened: str
    means: str
    button: tuple[str, str] | None = None
    shows_detail: bool = True


CONNECT = ("/connect", "Connect to Flextell")
FORGET = ("/forget", "Forget the tokens here")

UNREACHABLE = Explanation(
    502,
    "Flextell cannot be reached",
    "Photos could not talk to Flextell, or did not trust its certificate.",
    "Nothing is lost. Please try again.",
)
BUSY = Explanation(
    502,
    "Flextell cannot answer now",
    "It is busy, or something broke there. We asked again until the page had to be shown.",
    "Nothing is lost. Please try again in a minute.",
)
UNREADABLE = Explanation(
    500,
    "Photos cannot read your tokens any more",
    "The stored tokens were changed, or the key that they are sealed with is gone.",
    "They are of no use to anybody. Connect again to go on.",
    CONNECT,
    shows_detail=False,
)

# The most precise one counts: an error without an entry has that of its base class.
EXPLANATIONS: Mapping[type[Exception], Explanation] = {
    errors.AccessDenied: Explanation(
        200,
        "You said no; nothing was shared",
        "You pressed Deny at Flextell, so Photos got no token and has seen none of your data.",
        "You can connect at any later time, or never. Photos works without it.",
        CONNECT,
        shows_detail=False,
    ),
    errors.SignInMismatch: Explanation(
        400,
        "This answer does not belong to a question we asked",
        "Photos sends a random number (state) to Flextell and expects it back, once, in the same "
        "browser, from the server that it asked.",
        "The answer was not used. If you took more than ten minutes or reloaded this page, simply "
        "connect again. If you did not press Connect, someone tried to sign you in with "
        "an account of theirs, and did not succeed.",
        CONNECT,
    ),
    errors.SignInRefused: Explanation(
        400,
        "Flextell did not accept our question",
        "Flextell sent you back with an error instead of a code.",
        "Nothing was shared. The text below is for the people who make Photos.",
        CONNECT,
    ),
    errors.SignInAgain: Explanation(
        401,
        "Your connection to Flextell has ended",
        "Photos has no tokens that Flextell accepts: they expired, or you removed Photos there.",
        "What was left of them is deleted. Connect again to go on.",
        CONNECT,
    ),
    errors.TokenRequestRefused: Explanation(
        502,
        "Flextell did not give us tokens",
        "We handed the code or the refresh token to Flextell's token endpoint and were refused.",
        "Nothing new was stored. The text below is for the people who make Photos.",
        CONNECT,
    ),
    errors.ServerMisconfigured: Explanation(
        502,
        "We do not trust what this server says",
        "Flextell's description of itself, or its answer, is not what Photos may rely on.",
        "We went no further. The text below is for the people who run Photos.",
    ),
    errors.Unreachable: UNREACHABLE,
    httpx2.RequestError: UNREACHABLE,
    TimeoutError: UNREACHABLE,
    errors.StoreError: Explanation(
        500,
        "Photos could not store your tokens",
        "Our disk does not keep or give them, and we use none that would not survive a restart.",
        "What was stored before is unchanged. Please try again later.",
        shows_detail=False,
    ),
    errors.StoreDamaged: UNREADABLE,
    errors.StoreKeyMissing: UNREADABLE,
    errors.InsufficientScope: Explanation(
        403,
        "You have not allowed this",
        "Photos asked for something that goes beyond what you allowed when you connected.",
        "Nothing was shared. If you wish, Flextell asks you about what is missing.",
    ),
    errors.Unauthorized: Explanation(
        401,
        "Flextell does not accept our access token",
        "We got a new one, and it was not accepted either.",
        "Connect again to go on.",
        CONNECT,
    ),
    errors.RateLimited: BUSY,
    errors.ServerFailed: BUSY,
    errors.FlextellError: Explanation(
        502,
        "Flextell did not give us what we asked for",
        "Its answer was a refusal, or none that this version of Photos understands.",
        "Nothing was changed. The text below is for the people who make Photos.",
    ),
    StillConnected: Explanation(
        502,
        "Flextell did not confirm the disconnection",
        "We asked Flextell to revoke the tokens, and it did not say that it did.",
        "You are still connected, so that you can try again. Or let Photos forget its tokens, and "
        "remove Photos in your Flextell account: until then Flextell would accept them.",
        FORGET,
    ),
    StaleForm: Explanation(
        403,
        "That button was not from this page",
        "Each button carries a number that only this page and your browser know. "
        "It did not come along.",
        "Nothing was done. Go back to the start and press the button again.",
        shows_detail=False,
    ),
}
EXPLAINED = tuple(EXPLANATIONS)


def explanation_of(problem: Exception) -> Explanation:
    """The most precise explanation."""
    return next(EXPLANATIONS[kind] for kind in type(problem).__mro__ if kind in EXPLANATIONS)

"""What can go wrong, and who can mend it.

    FlextellError
    ├── SignInError                the person did not come back with a code that we can use
    │   ├── AccessDenied               they pressed Deny
    │   ├── SignInRefused              the server said no: `error`, `description`
    │   └── SignInMismatch             the answer is not to our question: ignore it, start anew
    ├── SignInAgain                no tokens that work: only the person can help
    ├── Unreachable                no answer, or none that can be read: the network, a time-out
    ├── ServerMisconfigured        what the server says of itself is wrong or unsafe
    ├── UnexpectedAnswer           the API's answer is in a form that this version does not know
    ├── NotForThere                a request for another host than the API's: no token goes there
    ├── AppFileError               the file of `App.from_file` is missing or does not say enough
    ├── TokenRequestRefused        the token endpoint refused the app: `error`, `description`
    ├── StoreError                 tokens could not be kept or read
    │   ├── StoreBusy                  somebody else holds the grant for too long
    │   ├── StoreNotPrivate            others can read the file or the folder
    │   ├── StoreKeyMissing            sealed under a key that is not here
    │   └── StoreDamaged               changed, cut short, or of another place
    └── ApiError                   the API said no: `status`, `error`, `message`, `request_id`
        ├── BadRequest                 400
        ├── Unauthorized               401, and a new token did not help
        ├── Forbidden                  403
        │   └── InsufficientScope          the token lacks `scopes`: ask the person for them
        ├── NotFound                   404
        ├── Conflict                   409, 412
        ├── Invalid                    422
        ├── RateLimited                429, with `retry_after` in seconds
        └── ServerFailed               5xx

No text of an error holds a token, a code or a secret.
"""

from collections.abc import Mapping


class FlextellError(Exception):
    """Anything that this package raises on purpose."""


class SignInError(FlextellError):
    """A sign-in came to nothing; a new one may succeed."""


class AccessDenied(SignInError):
    """The person pressed Deny (RFC 6749 §4.1.2.1, `access_denied`)."""


class SignInRefused(SignInError):
    """The authorization endpoint sent the person back with an error (RFC 6749 §4.1.2.1)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}" if description else error)
        self.error = error
        self.description = description


class SignInMismatch(SignInError):
    """The answer fits no question of ours: forged, mixed up, used before, or too old."""


class SignInAgain(FlextellError):
    """There is no way on without the person. `why` is a sentence; `grant` is its name.

    `start_sign_in()` of the `Grants` or the `Grant` makes the address to send them to.
    """

    def __init__(self, grant: str, why: str) -> None:
        super().__init__(f"The person must sign in again: {why}")
        self.grant = grant
        self.why = why


class Unreachable(FlextellError):
    """The server gave no answer that can be read; what was asked may have happened or not."""


class ServerMisconfigured(FlextellError):
    """The server's metadata or an answer breaks its specification, or asks for plain HTTP."""


class UnexpectedAnswer(FlextellError):
    """The API did what it was asked, and its answer lacks what this version looks for."""


class NotForThere(FlextellError):
    """The token would have gone to another host than the API's."""


class AppFileError(FlextellError):
    """The file of an app is missing, is no such file, or does not say enough."""


class TokenRequestRefused(FlextellError):
    """The token, revocation or introspection endpoint refused (RFC 6749 §5.2)."""

    def __init__(self, error: str, description: str, status: int, request_id: str = "") -> None:
        text = f"{error}: {description}" if description else error
        super().__init__(f"{text} (request {request_id})" if request_id else text)
        self.error = error
        self.description = description
        self.status = status
        self.request_id = request_id


class StoreError(FlextellError):
    """The token store cannot do what it was asked; nothing that it kept is lost."""


class StoreBusy(StoreError):
    """Somebody else holds the grant and did not let go in time."""


class StoreNotPrivate(StoreError):
    """Others than the owner can read the file, or it is not ours."""


class StoreKeyMissing(StoreError):
    """The tokens are sealed under a key that was not found."""


class StoreDamaged(StoreError):
    """The sealed tokens were changed, cut short or moved from another grant."""


class ApiError(FlextellError):
    """The API answered with an error.

    `error` is the code for programs, `message` the sentence for developers, `request_id` what the
    server's operator wants to know.
    """

    def __init__(self, status: int, error: str, message: str, request_id: str = "") -> None:
        text = f"{status} {error}: {message}"
        super().__init__(f"{text} (request {request_id})" if request_id else text)
        self.status = status
        self.error = error
        self.message = message
        self.request_id = request_id


class BadRequest(ApiError):
    """400: the request is malformed."""


class Unauthorized(ApiError):
    """401: the token was not accepted, and a new one would not help or did not."""


class Forbidden(ApiError):
    """403: the person may not do this."""


class InsufficientScope(Forbidden):
    """403: the person never allowed this. `scopes` are what it takes (RFC 6750 §3).

    `Grant.step_up(error)` starts the sign-in that asks for it.
    """

    scopes: tuple[str, ...] = ()


class NotFound(ApiError):
    """404: there is no such thing, or not for this person."""


class Conflict(ApiError):
    """409 or 412: it is there already, or has changed meanwhile."""


class Invalid(ApiError):
    """422: well-formed, and against a rule that the message names."""


class RateLimited(ApiError):
    """429: too many requests. `retry_after` is in seconds, None where the server did not say."""

    retry_after: float | None = None


class ServerFailed(ApiError):
    """5xx: not the caller's fault."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    422: Invalid,
    429: RateLimited,
}


def kind_of(status: int, error: str) -> type[ApiError]:
    """The class for a status and the code in the body."""
    if status == 403 and error == "insufficient_scope":
        return InsufficientScope
    return _BY_STATUS.get(status, ServerFailed if status >= 500 else ApiError)

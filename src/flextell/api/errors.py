"""What the API says when it says no: exactly `{error, message}` (wire §c.6, §e 5, 9, 10).

    ApiError                the API's own refusals, by a code of STATUS
    BearerRefusal           401 and insufficient_scope, with their challenge (RFC 6750 §3)
    TenantRefusal
    ├── InvalidTenantHeader, TenantNotNamed   400 invalid_request
    └── all others                            403 forbidden
    WebhookRefusal          401 unauthorized
    LastOwner, Duplicate, NameTaken, NoRoom, Conflict
                            409 conflict
    InvalidAccount, Unfit, InvalidMessage
                            422 validation_error
    PagingProblem           400 invalid_request
    AgesCrossed             422 validation_error
    StoreUnavailable, TooManySignIns
                            503 service_unavailable, with Retry-After
    anything else           a bug: 500 server_error, logged under the request's id

Clients look for words in these bodies (wire §d.5 9): no message names the tenant or a scope
unless that is the problem.
"""

from collections.abc import Mapping

from flextell.accounts.model import InvalidAccount
from flextell.api.asked import Answer, Header
from flextell.api.envelopes import Error
from flextell.api.shapes.encoding import encode
from flextell.node.hashing import TooManySignIns
from flextell.node.rate_limits import Standing
from flextell.oauth import bearer
from flextell.oauth.bearer import BearerRefusal
from flextell.store.port import Duplicate, StoreUnavailable
from flextell.tenants.access import InvalidTenantHeader, TenantNotNamed, TenantRefusal
from flextell.tenants.customers import AgesCrossed
from flextell.tenants.files import NoRoom
from flextell.tenants.inbound import InvalidMessage
from flextell.tenants.members import LastOwner
from flextell.tenants.paging import PagingProblem
from flextell.tenants.refusals import Conflict, Unfit
from flextell.tenants.tags import NameTaken
from flextell.tenants.webhooks import WebhookRefusal

RETRY_SECONDS = 2
# How a webhook proves who it is (RFC 9110 §11.6.1).
WEBHOOK_CHALLENGE = ((b"www-authenticate", b"Standard-Webhooks"),)
RETRY = ((b"retry-after", b"%d" % RETRY_SECONDS),)

STATUS: Mapping[str, int] = {
    "invalid_request": 400,
    "unauthorized": 401,
    "invalid_token": 401,
    "insufficient_scope": 403,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "precondition_failed": 412,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    "validation_error": 422,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "service_unavailable": 503,
}


class ApiError(Exception):
    """A refusal: its code, a sentence for the client's developer, and headers that go with it."""

    def __init__(self, code: str, message: str, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers


def conflict(message: str) -> ApiError:
    """It is there already, or not in a state for this."""
    return ApiError("conflict", message)


def unrelated(field: str, what: str) -> ApiError:
    """A field refers to something that is not there, or not for this caller (wire §e 9)."""
    return ApiError("validation_error", f"The field {field} must be the id of {what}.")


def changed_meanwhile() -> ApiError:
    """If-Match names a state that is no longer so (RFC 9110 §15.5.13)."""
    return ApiError(
        "precondition_failed",
        "Somebody has changed it since it was read. Read it again, then send the change anew.",
    )


def unknown_path() -> ApiError:
    """No endpoint has this path."""
    return ApiError("not_found", "There is nothing at this path. Check the version and the path.")


def no_such(what: str) -> ApiError:
    """The endpoint exists, the thing does not, or not for this caller."""
    return ApiError("not_found", f"There is no {what} with this id.")


def wrong_method(allowed: tuple[str, ...]) -> ApiError:
    """The path has other methods (RFC 9110 §15.5.6)."""
    return ApiError(
        "method_not_allowed",
        "This path does not have this method. The header Allow lists those it has.",
        ((b"allow", ", ".join(allowed).encode("ascii")),),
    )


def too_many(standing: Standing, now: int) -> ApiError:
    """The window is used up (RFC 6585 §4)."""
    return ApiError(
        "rate_limit_exceeded",
        "Too many requests. Wait until the time in the header X-RateLimit-Reset.",
        ((b"retry-after", b"%d" % standing.retry_after(now)),),
    )


def api_error(problem: Exception, issuer: str) -> ApiError:
    """Any refusal as the API says it."""
    match problem:
        case ApiError():
            return problem
        case BearerRefusal():
            challenge = bearer.challenge(problem, issuer).encode("ascii")
            return ApiError(problem.error, problem.message, ((b"www-authenticate", challenge),))
        case InvalidTenantHeader() | TenantNotNamed() | PagingProblem():
            return ApiError("invalid_request", str(problem))
        case TenantRefusal():
            return ApiError("forbidden", str(problem))
        case WebhookRefusal():
            return ApiError("unauthorized", str(problem), WEBHOOK_CHALLENGE)
        case LastOwner() | Duplicate() | NameTaken() | NoRoom() | Conflict():
            return conflict(str(problem))
        case AgesCrossed() | InvalidAccount() | Unfit() | InvalidMessage():
            return ApiError("validation_error", str(problem))
        case StoreUnavailable():
            return ApiError(
                "service_unavailable",
                "The data cannot be reached right now. Try again in a few seconds.",
                RETRY,
            )
        case TooManySignIns():
            return ApiError(
                "service_unavailable",
                "Too many passwords are being set right now. Try again in a few seconds.",
                RETRY,
            )
    return ApiError(
        "server_error",
        "Something went wrong on our side. Name the header Request-Id when you report it.",
    )


def answer(error: ApiError) -> Answer:
    """The refusal, ready to send."""
    body: Error = {"error": error.code, "message": error.message}
    return Answer(STATUS[error.code], encode(body), error.headers)

"""Decisions and refusals become JSON or a redirect; the rest is a bug (RFC 6749 §4.1.2, §5)."""

from http import HTTPStatus

from flextell import log
from flextell.metrics import REFUSALS
from flextell.node.hashing import TooManySignIns
from flextell.oauth.authorize import Proven
from flextell.oauth.errors import InvalidClient, OAuthError, Refusal
from flextell.oauth.redirect_uris import with_parameters
from flextell.parts import Parts
from flextell.store.port import StoreUnavailable
from flextell.web.exchange import Answer, Headers, HttpProblem, Refuse, Request, json

RETRY_AFTER: Headers = ((b"retry-after", b"1"),)

# What an HTTP problem is called in the body of a machine's answer.
PROBLEM_CODES = {
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "payload_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_exceeded",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}


def error(
    parts: Parts, code: str, sentence: str, status: int, *headers: tuple[bytes, bytes]
) -> Answer:
    """An error in the shape that both OAuth readers and API readers know (wire §e 11), counted."""
    parts.metrics.count(REFUSALS, code)
    told = {"error": code, "error_description": sentence, "message": sentence}
    return json(told, status).plus(*headers)


def to_machine(parts: Parts) -> Refuse:
    """How the endpoints for machines say no (RFC 6749 §5.2)."""

    def refuse(request: Request, problem: Exception) -> Answer:
        if isinstance(problem, InvalidClient):
            log.security(
                log.CLIENT_REFUSED,
                path=request.path,
                address=request.address,
                detail=problem.detail or problem.description,
            )
        match problem:
            case InvalidClient() if request.headers(b"authorization"):
                challenge = (b"www-authenticate", b'Basic realm="flextell", charset="UTF-8"')
                return error(parts, problem.code, problem.description, problem.status, challenge)
            case OAuthError():
                return error(parts, problem.code, problem.description, problem.status)
            case HttpProblem():
                code = PROBLEM_CODES.get(problem.status, "invalid_request")
                return error(parts, code, problem.sentence, problem.status, *problem.headers)
            case StoreUnavailable():
                log.operational("store_unavailable", path=request.path, reason=str(problem))
                sentence = "The server cannot answer now; try again."
                return error(parts, "temporarily_unavailable", sentence, 503, *RETRY_AFTER)
            case _:
                request_id = log.bug(problem, parts.sources, path=request.path)
                named = (b"request-id", request_id.encode("ascii"))
                return error(parts, "server_error", "An unexpected error happened.", 500, named)

    return refuse


def back_to_client(
    proven: Proven, issuer: str, parameters: dict[str, str], after_post: bool
) -> Answer:
    """A redirect to the client's proven address, with state and issuer (RFC 9207 §2).

    303 after a POST, so that no browser posts a password on (RFC 9700 §4.12).
    """
    answer = dict(parameters)
    if proven.state is not None:
        answer["state"] = proven.state
    answer["iss"] = issuer
    return redirect(with_parameters(proven.redirect_uri, answer), after_post)


def error_to_client(proven: Proven, issuer: str, refusal: OAuthError, after_post: bool) -> Answer:
    """An error that goes back to the client (RFC 6749 §4.1.2.1)."""
    parameters = {"error": refusal.code, "error_description": refusal.description}
    return back_to_client(proven, issuer, parameters, after_post)


def redirect(location: str, after_post: bool = True) -> Answer:
    """Send the browser on."""
    status = HTTPStatus.SEE_OTHER if after_post else HTTPStatus.FOUND
    return Answer(
        status,
        (
            (b"location", location.encode("ascii", "backslashreplace")),
            (b"cache-control", b"no-store"),
            (b"referrer-policy", b"no-referrer"),
        ),
    )


def sentence_of(problem: Exception) -> tuple[int, str]:
    """The status and the sentence a page shows for a refusal that is not a bug."""
    match problem:
        case HttpProblem():
            return problem.status, problem.sentence
        case Refusal():
            return HTTPStatus.BAD_REQUEST, problem.description
        case TooManySignIns():
            return HTTPStatus.SERVICE_UNAVAILABLE, "Many people are signing in at this moment."
        case StoreUnavailable():
            return HTTPStatus.SERVICE_UNAVAILABLE, "The server cannot answer right now."
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR, "Something unexpected happened on our side."

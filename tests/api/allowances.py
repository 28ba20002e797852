"""Where the wire wants it otherwise than a schema can say: what is not asked of an answer, and why.

Everything else that keeps to the document must be taken, and everything else that does not refused.
"""

from collections.abc import Callable, Iterator
from typing import Any

import schemathesis.checks
from schemathesis import Case, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.engine.recorder import ScenarioRecorder

schemathesis.checks.load_all_checks()
CHECKS: dict[str, Any] = {check.__name__: check for check in schemathesis.checks.CHECKS.get_all()}

# They send requests of their own, which only a network would carry. What they look for is in
# test_every_route.py (no token), and in test_bad_input.py (methods).
ELSEWHERE = ("ignored_auth", "unsupported_method", "object_level_authorization")

REFUSED: tuple[tuple[str, str], ...] = (
    ("cannot be used together", "wire §e 2: one style of paging at a time"),
    ("The parameter cursor is broken", "wire §e 2: a cursor is opaque, so made-up ones are broken"),
    ("holds a NUL character", "PostgreSQL keeps none, and a JSON Schema would say so per string"),
    ("Idempotency-Key came with another request", "it depends on what came before"),
    ("Somebody has changed it since it was read", "If-Match: it depends on what is there"),
    ("must be the id of ", "wire §e 9: it refers to what is not there"),
    ("must hold ids of ", "wire §e 9: it refers to what is not there"),
    ("must not be greater than 9223372036854775807", "who counts in doubles cannot tell 2^63 - 1"),
    ("The name must have 1 to ", "without blanks around it, and of characters that can be seen"),
    ("The e-mail address must look like ", "it needs a domain with a dot, unlike RFC 5321's"),
    ("The field password_confirmation must be the same", "wire §e 9: it depends on another field"),
    ("must hold each day once at most", "it depends on other items"),
    ("min_age must not be greater than max_age", "it depends on another parameter"),
    ("must be of the kind that is stored", "it depends on what is there"),
    ("is required when send_source is ", "it depends on another field"),
    ("A field of the form was sent more than once", "two readers might read it differently"),
)
"""What is said of a request that keeps to the document, and why it is refused all the same."""


def _is_form(case: Case[Any]) -> bool:
    return (case.media_type or "").startswith("multipart/")


def _has_empty_parameter(case: Case[Any]) -> bool:
    return any(value in ("", None, []) for value in case.query.values())


def _has_unknown_parameter(case: Case[Any]) -> bool:
    return not {*case.query} <= {parameter.name for parameter in case.operation.query}


TAKEN: tuple[tuple[Callable[[Case[Any]], bool], str], ...] = (
    (_is_form, "a schema judges no bytes: Schemathesis takes every form with a file for wrong"),
    (_has_empty_parameter, "an empty parameter counts as absent: that is how a query says null"),
    (_has_unknown_parameter, "unknown parameters are ignored, as HTTP clients add their own"),
)
"""Requests that break the document, and why they are taken all the same."""


def judge(case: Case[Any], answer: Response, recorder: ScenarioRecorder | None = None) -> None:
    """Check an answer, and what was recorded before it. Raises AssertionError with all faults."""
    left_out = [CHECKS[name] for name in _not_asked(case, answer)]
    try:
        case.validate_response(answer, excluded_checks=left_out, recorder=recorder)
    except FailureGroup as faults:
        # It is no Exception, so it would end the loop that other tests run in as well.
        raise AssertionError(str(faults)) from None


def _not_asked(case: Case[Any], answer: Response) -> Iterator[str]:
    yield from ELSEWHERE
    if answer.status_code in (400, 412, 422):
        said: Any = answer.json()["message"]
        if any(words in said for words, _ in REFUSED):
            yield "positive_data_acceptance"
    if any(is_so(case) for is_so, _ in TAKEN):
        yield "negative_data_rejection"

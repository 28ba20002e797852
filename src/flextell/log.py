"""Structured logs on standard error, and the names of security events.

No secret, token, code or password is ever passed to these functions. A person is named by
`subject`, a client by `client_id`, a grant by `grant_id`.
"""

import logging
import sys
from typing import Any

import structlog

from flextell.sources import Sources

SIGNED_IN = "signed_in"
SIGN_IN_FAILED = "sign_in_failed"
SIGN_IN_THROTTLED = "sign_in_throttled"
SIGNED_OUT = "signed_out"
CONSENT_GIVEN = "consent_given"
CONSENT_DENIED = "consent_denied"
CODE_ISSUED = "code_issued"
GRANT_BEGUN = "grant_begun"
GRANT_ENDED = "grant_ended"
TOKEN_REVOKED = "token_revoked"
CLIENT_REFUSED = "client_refused"
GRANT_REFUSED = "grant_refused"

DELIVERY_FAILED = "delivery_failed"
WEBHOOK_SWITCHED_OFF = "webhook_switched_off"
SECRET_SEALED_ELSEWHERE = "channel_secret_sealed_elsewhere"

_log = structlog.get_logger()


def configure(level: str) -> None:
    """One JSON object a line, on standard error, from this level on."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def security(event: str, **facts: Any) -> None:
    """Something that a person who looks after security wants to know."""
    _log.info(event, kind="security", **facts)


def operational(event: str, **facts: Any) -> None:
    """Something that the one who runs the server should look at."""
    _log.warning(event, kind="operational", **facts)


def bug(problem: Exception, sources: Sources, **facts: Any) -> str:
    """Log an error of ours with its trace; return the id under which it is found."""
    request_id = sources.random(8).hex()
    _log.error("bug", kind="bug", request_id=request_id, exc_info=problem, **facts)
    return request_id

"""Idempotency-Key: a POST that is sent again changes nothing again, and is answered as before.

The header is that of draft-ietf-httpapi-idempotency-key-header. The key is claimed, the work done
and the answer kept in one transaction: of any number of equal requests one does the work, and the
others wait for it and get its answer, on whichever node they are. A refusal is not kept: nothing
was changed, and the next try may find what is missing.
"""

import re
from hashlib import sha256

from flextell.api.caller import Caller
from flextell.api.errors import ApiError

REPLAYED = (b"idempotent-replayed", b"true")
KEPT_SECONDS = 24 * 3600

# The draft's form is a quoted string; most clients send the bare text.
PATTERN = r'^([!#-~]{1,255}|"[ !#-~]{1,255}")$'
_KEY = re.compile(PATTERN[1:-1])


def checked_key(value: str | None) -> str | None:
    """The key of a request. Raises ApiError if it is no key."""
    if value is not None and not _KEY.fullmatch(value):
        raise ApiError(
            "invalid_request",
            "The header Idempotency-Key must have 1 to 255 visible ASCII characters.",
        )
    return None if value is None else value.strip('"')


def name_of(key: str, caller: Caller, path: str) -> bytes:
    """What the key is kept under: apps, people, tenants and paths cannot meet each other's keys."""
    tenant = caller.membership.tenant_id if caller.membership else 0
    parts = (caller.token.client_id, caller.subject, str(tenant), path, key)
    return sha256("\0".join(parts).encode()).digest()


def used_otherwise() -> ApiError:
    """The key came with another body before."""
    return ApiError(
        "validation_error",
        "This Idempotency-Key came with another request before. Use a new key for a new request.",
    )

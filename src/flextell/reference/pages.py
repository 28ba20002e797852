"""The reference without a script: a list of all operations, a page for each, what has changed."""

import asyncio
from functools import cache
from http import HTTPStatus

from flextell.parts import Parts
from flextell.reference.changes import RELEASES
from flextell.reference.operations import Group, Operation, groups
from flextell.reference.render import page
from flextell.web.exchange import Answer, Handler, HttpProblem, Request
from flextell.web.limits import within_page_limit

CHANGES_PATH = "/docs/changelog"


def index(parts: Parts) -> Handler:
    """GET /docs/reference"""

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        found = await _groups(parts)
        return page("index.html", groups=found, issuer=parts.settings.issuer)

    return answer


def operation(parts: Parts) -> Handler:
    """GET /docs/reference/OPERATION"""

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        found = _named(request.scope["path_params"]["operation_id"], await _groups(parts))
        return page("operation.html", operation=found, issuer=parts.settings.issuer)

    return answer


def changes(parts: Parts) -> Handler:
    """GET /docs/changelog"""

    async def answer(request: Request) -> Answer:
        within_page_limit(parts, request)
        return page("changes.html", releases=RELEASES)

    return answer


def _named(operation_id: str, found: tuple[Group, ...]) -> Operation:
    """The operation of this name. Raises HttpProblem."""
    for group in found:
        for each in group.operations:
            if each.operation_id == operation_id:
                return each
    raise HttpProblem(HTTPStatus.NOT_FOUND, "The API has no operation of this name.")


async def _groups(parts: Parts) -> tuple[Group, ...]:
    return await asyncio.to_thread(_described, parts.settings.issuer)


@cache
def _described(issuer: str) -> tuple[Group, ...]:
    # Imported where it is used: FastAPI takes half a second to load, and few ask for this.
    from flextell.api.document import document  # noqa: PLC0415

    return groups(document(issuer))

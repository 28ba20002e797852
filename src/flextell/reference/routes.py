"""Every path of the reference on one screen."""

from collections.abc import Callable
from importlib import resources

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from flextell.metrics import ELSEWHERE, Answers
from flextell.oauth.discovery import DOCUMENTATION_PATH
from flextell.oauth.reference_app import REDIRECT_PATH
from flextell.parts import Parts
from flextell.reference import console, pages
from flextell.web.assets import assets
from flextell.web.exchange import Endpoint, Handler
from flextell.web.pages.render import no_such_page, to_person

PATH = "/docs"
STATIC = f"{PATH}/static"

Make = Callable[[Parts], Handler]

PAGES: dict[str, Make] = {
    PATH: console.show,
    REDIRECT_PATH: console.come_back,
    DOCUMENTATION_PATH: pages.index,
    f"{DOCUMENTATION_PATH}/{{operation_id}}": pages.operation,
    pages.CHANGES_PATH: pages.changes,
}


def build_reference(parts: Parts) -> ASGIApp:
    """The pages above and their files, to be given what is asked for at /docs and below it."""
    limit, others = parts.settings.form_bytes, parts.page_limit
    refuse = to_person(parts)

    def endpoint(path: str, handler: Handler) -> Endpoint:
        return Endpoint({"GET": handler}, refuse, limit, others, Answers(parts.metrics, path))

    own = resources.files("flextell.reference") / "static"
    files = (*assets(own, STATIC), *assets(own / "swagger-ui", f"{STATIC}/swagger-ui"))
    return Router(
        routes=[
            *(Route(path, endpoint=endpoint(path, make(parts))) for path, make in PAGES.items()),
            *(Route(path, endpoint=endpoint(path, handler)) for path, handler in files),
        ],
        redirect_slashes=False,
        default=Endpoint({}, no_such_page(parts), limit, others, Answers(parts.metrics, ELSEWHERE)),
    )

"""Every path of the server for clients and browsers, on one screen."""

from collections.abc import Callable, Mapping
from importlib import resources

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from flextell.metrics import ELSEWHERE, Answers
from flextell.oauth import protected_resource
from flextell.parts import Parts
from flextell.web.answers import to_machine
from flextell.web.assets import assets
from flextell.web.endpoints import (
    authorize,
    discovery,
    introspect,
    revocation_feed,
    revoke,
    token,
)
from flextell.web.exchange import Endpoint, Handler, Refuse
from flextell.web.pages import consent, home, sign_in
from flextell.web.pages.render import no_such_page, to_person

Make = Callable[[Parts], Handler]

# The hottest first: routes are tried in order.
MACHINES: dict[str, dict[str, Make]] = {
    "/oauth/token": {"POST": token.endpoint},
    "/oauth/introspect": {"POST": introspect.endpoint},
    "/oauth/revoke": {"POST": revoke.endpoint},
    "/oauth/revocations": {"POST": revocation_feed.endpoint},
    "/.well-known/oauth-authorization-server": {"GET": discovery.metadata},
    "/.well-known/openid-configuration": {"GET": discovery.metadata},
    protected_resource.METADATA_PATH: {"GET": discovery.api_metadata},
    # Some clients ask at the host, whatever the path of the resource (RFC 9728 §3).
    protected_resource.WELL_KNOWN: {"GET": discovery.api_metadata},
    "/.well-known/jwks.json": {"GET": discovery.key_set},
}
PEOPLE: dict[str, dict[str, Make]] = {
    "/oauth/authorize": {"GET": authorize.endpoint, "POST": authorize.endpoint},
    "/sign-in": {"GET": sign_in.show, "POST": sign_in.submit},
    "/consent": {"GET": consent.show, "POST": consent.submit},
    "/sign-out": {"POST": home.sign_out},
    "/disconnect": {"POST": home.disconnect},
    "/": {"GET": home.show},
}


def build_web(parts: Parts) -> ASGIApp:
    """The paths above, static files, and a page for every other address."""
    limit, others = parts.settings.form_bytes, parts.page_limit

    def endpoint(path: str, handlers: Mapping[str, Handler], refuse: Refuse) -> Endpoint:
        return Endpoint(handlers, refuse, limit, others, Answers(parts.metrics, path))

    routes = [
        Route(path, endpoint=endpoint(path, _made(handlers, parts), refuse))
        for table, refuse in ((MACHINES, to_machine(parts)), (PEOPLE, to_person(parts)))
        for path, handlers in table.items()
    ]
    routes += [
        Route(path, endpoint=endpoint(path, {"GET": handler}, to_person(parts)))
        for path, handler in assets(resources.files("flextell.web") / "static", "/static")
    ]
    return Router(
        routes=routes,
        redirect_slashes=False,
        default=endpoint(ELSEWHERE, {}, no_such_page(parts)),
    )


def _made(handlers: dict[str, Make], parts: Parts) -> dict[str, Handler]:
    return {method: make(parts) for method, make in handlers.items()}

"""The revocation feed: POST /oauth/revocations, for resource servers (docs/decisions/0012)."""

from flextell.oauth import client_auth, parameters, revocation_feed
from flextell.parts import Parts
from flextell.store.port import Revocation, Unit
from flextell.web.exchange import Answer, Handler, Request, json
from flextell.web.limits import within_oauth_limit


def endpoint(parts: Parts) -> Handler:
    """The handler of POST requests."""

    async def read_feed(request: Request) -> Answer:
        form = await request.form()
        credentials = client_auth.read_credentials(request.header(b"authorization"), form)
        asked = parameters.feed_question(form)
        within_oauth_limit(parts, request, credentials.client_id)

        def work(unit: Unit) -> list[Revocation]:
            client = client_auth.authenticate(credentials, unit.clients.get(credentials.client_id))
            revocation_feed.check_caller(client)
            return unit.revocations.since(asked.since, revocation_feed.MOST)

        news = await parts.store.read(work)
        return json(revocation_feed.answer(news, asked.since, parts.sources.now()))

    return read_feed

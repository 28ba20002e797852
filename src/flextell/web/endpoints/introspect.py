"""The introspection endpoint: POST /oauth/introspect (RFC 7662)."""

from typing import Any

from flextell.oauth import client_auth, introspect, jwt, parameters
from flextell.oauth.grants.issue import REFRESH_PREFIX
from flextell.oauth.model import Client, digest_of
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web.exchange import Answer, Handler, Request, json
from flextell.web.limits import within_oauth_limit


def endpoint(parts: Parts) -> Handler:
    """The handler of POST requests."""

    async def introspect_token(request: Request) -> Answer:
        form = await request.form()
        credentials = client_auth.read_credentials(request.header(b"authorization"), form)
        asked = parameters.token_question(form)
        within_oauth_limit(parts, request, credentials.client_id)

        def authenticated(unit: Unit) -> Client:
            client = client_auth.authenticate(credentials, unit.clients.get(credentials.client_id))
            introspect.check_caller(client)
            return client

        if asked.token.startswith(REFRESH_PREFIX):

            def work(unit: Unit) -> dict[str, Any]:
                client = authenticated(unit)
                presented = unit.refresh_tokens.present(digest_of(asked.token))
                now = parts.sources.now()
                return introspect.of_refresh_token(client, presented, parts.settings.issuer, now)

            return json(await parts.store.read(work, brief=True))
        client = await parts.store.read(authenticated, brief=True)
        return json(await _access_token(parts, client, asked.token))

    return introspect_token


async def _access_token(parts: Parts, client: Client, text: str) -> dict[str, Any]:
    try:
        token = parts.bearer.verified(text)
    except jwt.MalformedToken:
        return introspect.INACTIVE
    answer = introspect.of_access_token(
        client,
        token,
        await parts.feed.revoked(token),
        parts.settings.issuer,
        parts.settings.resource,
        parts.sources.now(),
    )
    if answer["active"]:
        parts.receipts.saw(token)
    return answer

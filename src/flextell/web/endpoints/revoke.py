"""The revocation endpoint: POST /oauth/revoke (RFC 7009)."""

from flextell import log
from flextell.oauth import client_auth, jwt, parameters, revoke
from flextell.oauth.access_token import AccessToken
from flextell.oauth.grants.issue import REFRESH_PREFIX
from flextell.oauth.model import Client, EndGrant, digest_of
from flextell.oauth.revoke import EndAccessToken
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web.exchange import Answer, Handler, Request, json
from flextell.web.limits import within_oauth_limit
from flextell.web.work import decide, end_grant, tell

Order = EndGrant | EndAccessToken | None


def endpoint(parts: Parts) -> Handler:
    """The handler of POST requests."""

    async def revoke_token(request: Request) -> Answer:
        form = await request.form()
        credentials = client_auth.read_credentials(request.header(b"authorization"), form)
        asked = parameters.token_question(form)
        within_oauth_limit(parts, request, credentials.client_id)
        access = None if asked.token.startswith(REFRESH_PREFIX) else _ours(parts, asked.token)

        def work(unit: Unit) -> Order:
            now = parts.sources.now()
            client = client_auth.authenticate(credentials, unit.clients.get(credentials.client_id))
            if access is not None:
                return _end_access_token(unit, client, access, now)
            return _end_grant(unit, client, asked.token)

        def _end_grant(unit: Unit, client: Client, token: str) -> Order:
            order = revoke.of_refresh_token(client, unit.refresh_tokens.present(digest_of(token)))
            if order is not None:
                end_grant(unit, parts, order)
            return order

        order = await decide(parts, work)
        if access is not None and order is not None:
            parts.receipts.saw(access)  # what a client gives back it must have received
        _tell(parts, order)
        return json({})

    return revoke_token


def _ours(parts: Parts, token: str) -> AccessToken | None:
    try:
        return parts.bearer.verified(token)
    except jwt.MalformedToken:
        return None


def _end_access_token(unit: Unit, client: Client, token: AccessToken, now: int) -> Order:
    order = revoke.of_access_token(client, token, now)
    if order is not None:
        unit.revocations.add(order.jti, order.expires_at, now)
    return order


def _tell(parts: Parts, order: Order) -> None:
    """Let this node know at once."""
    match order:
        case EndGrant():
            tell(parts, order)
        case EndAccessToken():
            parts.feed.apply_own(order.jti, order.expires_at)
            log.security(log.TOKEN_REVOKED, jti=order.jti)

"""The token endpoint: POST /oauth/token (RFC 6749 §3.2).

Each grant type loads what its rule needs, asks the rule, and saves what it decided, in one unit
of work. Tokens are signed after that, outside the transaction.
"""

from collections.abc import Callable
from dataclasses import replace

from flextell import log
from flextell.metrics import TOKENS_ISSUED
from flextell.oauth import access_token, client_auth, id_token, parameters, scopes
from flextell.oauth.client_auth import Credentials
from flextell.oauth.errors import OAuthError, UnsupportedGrantType
from flextell.oauth.grants import authorization_code, refresh_token
from flextell.oauth.grants.issue import REFRESH_PREFIX, SECRET_BYTES, Issue, new_token
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.model import RefreshToken, digest_of
from flextell.oauth.parameters import Form
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.web.exchange import Answer, Handler, Request, json
from flextell.web.limits import within_oauth_limit
from flextell.web.work import decide

Work = Callable[[Unit], Issue]


def endpoint(parts: Parts) -> Handler:
    """The handler of POST requests."""

    async def token(request: Request) -> Answer:
        form = await request.form()
        credentials = client_auth.read_credentials(request.header(b"authorization"), form)
        form.refuse_repeated()
        within_oauth_limit(parts, request, credentials.client_id)
        grant_type = form.need("grant_type")
        prepare = GRANT_TYPES.get(grant_type)
        if prepare is None:
            raise UnsupportedGrantType("grant_type must be authorization_code or refresh_token.")
        try:
            issue = await decide(parts, prepare(parts, credentials, form), brief=True)
        except OAuthError as refusal:
            log.security(
                log.GRANT_REFUSED,
                error=refusal.code,
                detail=refusal.detail or refusal.description,
                client_id=credentials.client_id,
                address=request.address,
            )
            raise
        parts.metrics.count(TOKENS_ISSUED, grant_type)
        return _answer(parts, issue)

    return token


def _code_exchange(parts: Parts, credentials: Credentials, form: Form) -> Work:
    asked = parameters.code_exchange(form)
    fresh = new_token(REFRESH_PREFIX, parts.sources.random(SECRET_BYTES))

    def work(unit: Unit) -> Issue:
        now = parts.sources.now()
        client = client_auth.authenticate(credentials, unit.clients.get(credentials.client_id))
        claimed = unit.codes.claim(digest_of(asked.code), now)
        issue = authorization_code.redeem(asked, client, claimed, fresh, parts.lifetimes, now)
        _save(unit, issue)
        return issue

    return work


def _refresh(parts: Parts, credentials: Credentials, form: Form) -> Work:
    asked = parameters.refresh(form)
    dice = refresh_token.dice(parts.sources.random(refresh_token.DICE_BYTES))

    def work(unit: Unit) -> Issue:
        now = parts.sources.now()
        client, presented = unit.both(
            lambda: unit.clients.get(credentials.client_id),
            lambda: unit.refresh_tokens.present(digest_of(asked.refresh_token)),
        )
        client = client_auth.authenticate(credentials, client)
        if presented is not None and presented.successor is not None:
            presented = _with_news(unit, parts, presented, presented.successor)
        issue = refresh_token.rotate(asked, client, presented, dice, parts.lifetimes, now)
        _save(unit, issue)
        return issue

    return work


def _with_news(
    unit: Unit, parts: Parts, presented: Presented, successor: RefreshToken
) -> Presented:
    """Add what became of the access token that came with the successor."""
    jti = access_token.jti_of(successor.grant_id, successor.generation)
    return replace(
        presented,
        # What this node saw a moment ago may not be stored yet.
        seen=presented.seen or parts.receipts.has(successor.grant_id, successor.generation),
        access_ended=unit.revocations.any_of([jti]),
    )


# grant_type → how its unit of work is prepared
GRANT_TYPES: dict[str, Callable[[Parts, Credentials, Form], Work]] = {
    "authorization_code": _code_exchange,
    "refresh_token": _refresh,
}


def _save(unit: Unit, issue: Issue) -> None:
    if issue.grant is not None:
        unit.grants.add(issue.grant)
    if issue.kept is not None:
        unit.refresh_tokens.put(issue.kept)


def _answer(parts: Parts, issue: Issue) -> Answer:
    """The successful response (RFC 6749 §5.1), tokens signed now."""
    settings, keyring, now = parts.settings, parts.keyring, parts.sources.now()
    signed = access_token.sign(
        issue.access, keyring.signing("access_token"), settings.issuer, settings.resource
    )
    body: dict[str, str | int] = {
        "access_token": signed,
        "token_type": "Bearer",
        "expires_in": max(issue.access.expires_at - now, 0),
        "refresh_token": issue.refresh_token,
        "scope": scopes.text(issue.access.scopes),
    }
    if issue.code is not None:
        log.security(
            log.GRANT_BEGUN,
            grant_id=issue.code.grant_id,
            client_id=issue.code.client_id,
            subject=issue.code.subject,
        )
        if id_token.wanted(issue.code):
            body["id_token"] = id_token.sign(
                issue.code,
                signed,
                keyring.signing("id_token"),
                settings.issuer,
                now + settings.id_token_seconds,
                now,
            )
    return json(body)

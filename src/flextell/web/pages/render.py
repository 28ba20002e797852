"""Templates become pages, and refusals become pages that say what to do."""

from functools import cache
from http import HTTPStatus
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from flextell import log
from flextell.oauth.errors import ShowError
from flextell.parts import Parts
from flextell.web.answers import RETRY_AFTER, sentence_of
from flextell.web.browser import page_headers
from flextell.web.exchange import Answer, Headers, HttpProblem, Refuse, Request

TITLES = {
    HTTPStatus.FORBIDDEN: "This was not allowed",
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.METHOD_NOT_ALLOWED: "This page cannot be used like that",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong",
    HTTPStatus.SERVICE_UNAVAILABLE: "Please try again in a moment",
    HTTPStatus.TOO_MANY_REQUESTS: "Please slow down",
}


@cache
def environment(*packages: str) -> Environment:
    """The templates of these packages, then ours: theirs may stand in the frame of our pages."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "flextell.web")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(
    template: str,
    *,
    status: int = 200,
    redirect_uri: str | None = None,
    headers: Headers = (),
    **values: Any,
) -> Answer:
    """A page; `redirect_uri` is where its form may lead in the end."""
    body = environment().get_template(template).render(values).encode("utf-8")
    return Answer(status, (*page_headers(redirect_uri), *headers), body)


def to_person(parts: Parts) -> Refuse:
    """How pages say no: never a redirect, always a sentence."""

    def refuse(request: Request, problem: Exception) -> Answer:
        status, sentence = sentence_of(problem)
        headers: Headers = getattr(problem, "headers", ())
        request_id = ""
        advice = ""
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            request_id = log.bug(problem, parts.sources, path=request.path)
            advice = "If it happens again, tell us the number below."
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers, advice = RETRY_AFTER, "Please try again in a moment; nothing was lost."
        elif isinstance(problem, ShowError):
            log.security(
                log.CLIENT_REFUSED,
                path=request.path,
                address=request.address,
                detail=problem.detail or problem.description,
            )
            advice = (
                "Nothing was shared. Go back to the app, and tell its makers what you read here."
            )
        return page(
            "error.html",
            status=status,
            headers=headers,
            title=TITLES.get(HTTPStatus(status), "This request cannot be answered"),
            explanation=sentence,
            advice=advice,
            request_id=request_id,
            csrf="",
        )

    return refuse


def no_such_page(parts: Parts) -> Refuse:
    """How every address says no that nothing is at."""
    refuse = to_person(parts)

    def answer(request: Request, _: Exception) -> Answer:
        problem = HttpProblem(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        return refuse(request, problem)

    return answer

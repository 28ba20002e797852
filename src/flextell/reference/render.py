"""Templates of the reference become pages, in the frame of all our pages."""

from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from flextell.web.browser import page_headers
from flextell.web.exchange import Answer, Headers
from flextell.web.pages.render import environment

_CODE = Markup("<code>{}</code>")


def page(template: str, headers: Headers | None = None, **values: Any) -> Answer:
    """A page; unless others are given its headers allow it no script at all."""
    body = _environment().get_template(template).render(values).encode("utf-8")
    return Answer(200, headers or page_headers(), body)


def marked(text: str) -> Markup:
    """Text as our docstrings write it: what stands between backticks is code."""
    spans = enumerate(text.split("`"))
    return Markup().join(_CODE.format(span) if index % 2 else span for index, span in spans)


@cache
def _environment() -> Environment:
    made = environment("flextell.reference")
    made.filters["marked"] = marked
    return made

"""What was revoked, told to resource servers (docs/decisions/0012)."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

import pytest

from flextell.oauth import revocation_feed
from flextell.oauth.errors import InvalidClient, InvalidRequest, UnauthorizedClient
from flextell.oauth.model import Client
from flextell.oauth.parameters import feed_question, parse_form
from tests.oauth.asked import check_fit_to_send, form
from tests.world import GATEWAY, NOON, PHONE, PHOTOS


@dataclass(frozen=True, slots=True)
class News:
    """An item as a store keeps it."""

    sequence: int
    name: str
    expires_at: int


def test_a_resource_server_may_read_it() -> None:
    revocation_feed.check_caller(GATEWAY)


def test_a_client_that_may_not_ask_about_any_token_may_not_read_of_all() -> None:
    """RFC 6749 §5.2: unauthorized_client."""
    with pytest.raises(UnauthorizedClient) as refused:
        revocation_feed.check_caller(PHOTOS)

    check_fit_to_send(refused.value)


@pytest.mark.parametrize("client", [PHONE, replace(PHONE, may_introspect=True)])
def test_a_client_without_a_secret_may_not_read_it(client: Client) -> None:
    with pytest.raises(InvalidClient):
        revocation_feed.check_caller(client)


def test_an_answer_tells_what_still_matters_and_where_to_go_on() -> None:
    news = [News(3, "g1", NOON + 1), News(5, "g2.1", NOON), News(8, "g3.4", NOON - 1)]

    answer = revocation_feed.answer(news, 2, NOON)

    assert answer == {
        "revocations": [{"name": "g1", "expires_at": NOON + 1}],
        "sequence": 8,
        "has_more": False,
    }


def test_without_news_the_number_stays() -> None:
    assert revocation_feed.answer([], 7, NOON) == {
        "revocations": [],
        "sequence": 7,
        "has_more": False,
    }


def test_a_full_answer_says_that_there_may_be_more() -> None:
    news = [News(n, f"g{n}", NOON + 1) for n in range(revocation_feed.MOST)]

    assert revocation_feed.answer(news, 0, NOON)["has_more"]
    assert not revocation_feed.answer(news[1:], 0, NOON)["has_more"]


@pytest.mark.parametrize(
    ("since", "expected"), [("", 0), ("0", 0), ("17", 17), ("9" * 18, 10**18 - 1)]
)
def test_the_question_names_the_last_number_heard(since: str, expected: int) -> None:
    assert feed_question(form(since=since)).since == expected


@pytest.mark.parametrize("since", ["-1", "1.5", "x", "\u0661", "9" * 19, " 1", "1 "])
def test_anything_but_a_number_is_refused(since: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        feed_question(parse_form(urlencode({"since": since}).encode()))

    check_fit_to_send(refused.value)

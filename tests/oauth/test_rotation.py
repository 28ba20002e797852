"""The rotation of refresh tokens, case by case, and its whole table (RFC 6749 §6, RFC 9700 §4.14).

What happens when many people act in any order is the business of `test_rotation_model`.
"""

import itertools
from dataclasses import replace

import pytest

from flextell.oauth import sealing
from flextell.oauth.errors import InvalidGrant, InvalidScope
from flextell.oauth.grants import refresh_token
from flextell.oauth.grants.issue import Issue, Lifetimes
from flextell.oauth.grants.refresh_token import (
    TABLE,
    Age,
    Dice,
    Presented,
    Standing,
    Verdict,
    judge,
    rotate,
    standing_of,
)
from flextell.oauth.model import Client, EndGrant, Grant, RefreshToken, digest_of
from flextell.oauth.parameters import Refresh
from tests.oauth.asked import refresh_text
from tests.world import GATEWAY, NOON, PHONE, PHOTOS

LIFETIMES = Lifetimes()
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600

FIRST, SECOND, THIRD = refresh_text(1), refresh_text(2), refresh_text(3)


def grant_of(client: Client) -> Grant:
    """What Alice allowed this client at noon."""
    return Grant("grant-1", client.client_id, "sub-alice", client.default_scopes, created_at=NOON)


def token(text: str = FIRST, generation: int = 0) -> RefreshToken:
    """A refresh token of that grant, issued at noon."""
    return RefreshToken(
        digest=digest_of(text),
        grant_id="grant-1",
        generation=generation,
        issued_at=NOON,
        expires_at=NOON + LIFETIMES.refresh_token,
        access_scopes=PHOTOS.default_scopes,
        access_expires_at=NOON + LIFETIMES.access_token,
    )


def dice(number: int) -> Dice:
    """Chance, the same for the same number."""
    return Dice(refresh_text(number), number.to_bytes(12), f"own{number}")


def present(
    presented: Presented,
    client: Client = PHOTOS,
    *,
    scope: str | None = None,
    thrown: Dice | None = None,
    now: int = NOON,
) -> Issue:
    """The client refreshes with the first token."""
    return rotate(Refresh(FIRST, scope), client, presented, thrown or dice(2), LIFETIMES, now)


def unused(client: Client = PHOTOS) -> Presented:
    """The first token, never presented before."""
    return Presented(token(), grant_of(client))


def used(client: Client = PHOTOS, *, at: int = NOON, scope: str | None = None) -> Presented:
    """The first token after it was used once; nobody used what it bought."""
    issue = present(unused(client), client, scope=scope, now=at)
    return replace(unused(client), successor=issue.kept)


# The table, written out a second time by hand: what each of the 48 cases buys.
# (standing, age): (unseen public, unseen confidential, seen public, seen confidential)
ROTATE, REPEAT, REFUSE, END = Verdict.ROTATE, Verdict.REPEAT, Verdict.REFUSE, Verdict.END
EXPECTED = {
    (Standing.CURRENT, Age.AT_ONCE): (ROTATE, ROTATE, ROTATE, ROTATE),
    (Standing.CURRENT, Age.LATER): (ROTATE, ROTATE, ROTATE, ROTATE),
    (Standing.CURRENT, Age.TOO_LATE): (ROTATE, ROTATE, ROTATE, ROTATE),
    (Standing.EXPIRED, Age.AT_ONCE): (REFUSE, REFUSE, REFUSE, REFUSE),
    (Standing.EXPIRED, Age.LATER): (REFUSE, REFUSE, REFUSE, REFUSE),
    (Standing.EXPIRED, Age.TOO_LATE): (REFUSE, REFUSE, REFUSE, REFUSE),
    (Standing.ANSWERED, Age.AT_ONCE): (REPEAT, REPEAT, REPEAT, REPEAT),
    (Standing.ANSWERED, Age.LATER): (END, REPEAT, END, END),
    (Standing.ANSWERED, Age.TOO_LATE): (END, END, END, END),
    (Standing.OVERTAKEN, Age.AT_ONCE): (END, END, END, END),
    (Standing.OVERTAKEN, Age.LATER): (END, END, END, END),
    (Standing.OVERTAKEN, Age.TOO_LATE): (END, END, END, END),
}
CASES = list(itertools.product(Standing, Age, (False, True), (False, True)))


@pytest.mark.parametrize(("standing", "age", "seen", "proves_itself"), CASES)
def test_the_table_says_for_every_case_what_we_expect(
    standing: Standing, age: Age, seen: bool, proves_itself: bool
) -> None:
    row = next(row for row in TABLE if row.fits(standing, age, seen, proves_itself))
    assert row.verdict is EXPECTED[standing, age][2 * seen + proves_itself]


def test_every_case_has_exactly_one_row_and_every_row_has_a_case() -> None:
    """The order of the rows does not matter, and none of them is there for nothing."""
    fitting = [[row for row in TABLE if row.fits(*case)] for case in CASES]
    assert [len(rows) for rows in fitting] == [1] * len(CASES)
    assert {row for rows in fitting for row in rows} == set(TABLE)


@pytest.mark.parametrize(
    ("after", "age"),
    [
        (-5, Age.AT_ONCE),
        (0, Age.AT_ONCE),
        (60, Age.AT_ONCE),
        (61, Age.LATER),
        (DAY, Age.LATER),
        (DAY + 1, Age.TOO_LATE),
    ],
)
def test_age_counts_from_the_first_use_to_the_second(after: int, age: Age) -> None:
    """Also if the clock of this node is a little behind that of the one which answered first."""
    presented = used(at=NOON + HOUR)
    for seen, proves_itself in itertools.product((False, True), repeat=2):
        row = judge(replace(presented, seen=seen), proves_itself, LIFETIMES, NOON + HOUR + after)
        assert row.fits(Standing.ANSWERED, age, seen, proves_itself)


def test_a_retry_never_buys_a_refresh_token_that_has_expired() -> None:
    """With lives shorter than the outage time: nothing is bought rather than something dead."""
    short = Lifetimes(refresh_token=HOUR)
    first = replace(token(), expires_at=NOON + HOUR)
    bought = rotate(
        Refresh(FIRST, None), PHOTOS, Presented(first, grant_of(PHOTOS)), dice(2), short, NOON
    )
    presented = Presented(first, grant_of(PHOTOS), successor=bought.kept)

    again = rotate(Refresh(FIRST, None), PHOTOS, presented, dice(3), short, NOON + HOUR - 1)
    assert again.refresh_token == SECOND
    with pytest.raises(InvalidGrant):
        rotate(Refresh(FIRST, None), PHOTOS, presented, dice(3), short, NOON + HOUR)


def test_a_successor_never_expires_before_its_predecessor() -> None:
    """Lives may be shortened; a predecessor that outlived its successor would look unused."""
    issue = rotate(
        Refresh(FIRST, None), PHOTOS, unused(), dice(2), Lifetimes(refresh_token=60), NOON + 5
    )
    assert issue.kept is not None
    assert issue.kept.expires_at == token().expires_at


def test_a_token_stands_where_its_successors_say() -> None:
    expiry = NOON + LIFETIMES.refresh_token
    assert standing_of(unused(), expiry - 1) is Standing.CURRENT
    assert standing_of(unused(), expiry) is Standing.EXPIRED
    assert standing_of(used(), expiry) is Standing.ANSWERED
    assert standing_of(replace(used(), successor_used=True), NOON) is Standing.OVERTAKEN


def test_the_table_prints_as_markdown() -> None:
    lines = refresh_token.printed().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in cells} == {6}
    assert cells[0][0] == "presented token"
    assert set(cells[1]) == {"---"}
    assert len(cells) == 2 + len(TABLE)
    assert cells[7] == [
        "used, successor unused",
        "within the outage time",
        "no",
        "yes",
        "the same successor again",
        "an outage: never arrived",
    ]


# What a verdict means.


@pytest.mark.parametrize("client", [PHOTOS, PHONE])
def test_a_fresh_token_buys_a_successor_of_the_next_generation(client: Client) -> None:
    """RFC 6749 §6; RFC 9700 §2.2.2: public clients' refresh tokens MUST be rotated or bound."""
    issue = present(unused(client), client, now=NOON + 5)
    assert issue.refresh_token == SECOND
    assert issue.grant is None
    assert issue.kept is not None
    assert issue.kept.digest == digest_of(SECOND)
    assert issue.kept.generation == 1
    assert issue.kept.expires_at == NOON + 5 + LIFETIMES.refresh_token
    assert issue.access.jti == "grant-1.1"
    assert issue.access.expires_at == NOON + 5 + LIFETIMES.access_token
    assert issue.access.subject == "sub-alice"


def test_the_database_alone_can_produce_neither_token() -> None:
    """Only who presents the predecessor can open what is stored of the successor."""
    kept = present(unused()).kept
    assert kept is not None
    assert kept.sealed is not None
    assert SECOND.encode() not in kept.sealed
    key = sealing.derive(FIRST.encode(), "refresh successor")
    assert sealing.unseal(key, kept.sealed, b"grant-1") == SECOND.encode()
    for wrong in (SECOND.encode(), digest_of(FIRST), kept.digest):
        with pytest.raises(sealing.WrongKey):
            sealing.unseal(sealing.derive(wrong, "refresh successor"), kept.sealed, b"grant-1")


@pytest.mark.parametrize("client", [PHOTOS, PHONE])
def test_a_retry_buys_the_same_answer_and_makes_no_row(client: Client) -> None:
    first = present(unused(client), client)
    again = present(used(client), client, thrown=dice(3), now=NOON + MINUTE)
    assert again.refresh_token == first.refresh_token == SECOND
    assert again.access == first.access
    assert again.kept is None
    assert again.grant is None


def test_a_retry_for_other_scopes_gets_an_access_token_of_its_own() -> None:
    again = present(used(), scope="customers:read", thrown=dice(3), now=NOON + 9)
    assert again.refresh_token == SECOND
    assert again.access.jti == "grant-1.1.own3"
    assert (again.access.grant_id, again.access.generation) == ("grant-1", 1)
    assert again.access.scopes == {"customers:read"}
    assert again.access.expires_at == NOON + 9 + LIFETIMES.access_token


def test_a_retry_after_the_access_token_died_gets_a_living_one() -> None:
    """An outage of hours: the answer is repeated, but not with a token that is dead."""
    last = present(used(), thrown=dice(3), now=NOON + HOUR - 1)
    assert last.access.jti == "grant-1.1"
    late = present(used(), thrown=dice(4), now=NOON + HOUR)
    assert late.refresh_token == SECOND
    assert late.access.jti == "grant-1.1.own4"
    assert late.access.expires_at == NOON + 2 * HOUR


def test_an_expired_token_is_refused_but_ends_nothing() -> None:
    """RFC 6749 §5.2 invalid_grant; RFC 9700 §4.14.2: refresh tokens SHOULD expire if unused."""
    with pytest.raises(InvalidGrant, match="expired") as refused:
        present(unused(), now=NOON + LIFETIMES.refresh_token)
    assert refused.value.then is None


@pytest.mark.parametrize("client", [PHOTOS, PHONE])
def test_a_superseded_token_ends_the_grant(client: Client) -> None:
    """RFC 9700 §4.14.2: the server invalidates the active token and revokes access."""
    overtaken = replace(used(client), successor_used=True)
    with pytest.raises(InvalidGrant) as refused:
        present(overtaken, client, now=NOON + 1)
    assert refused.value.then == EndGrant("grant-1", "refresh_token_reused")
    assert "generation 0" in refused.value.detail
    assert "generation" not in refused.value.description


def test_an_unknown_token_is_refused() -> None:
    """RFC 6749 §5.2 invalid_grant."""
    with pytest.raises(InvalidGrant, match="unknown") as refused:
        rotate(Refresh(THIRD, None), PHOTOS, None, dice(2), LIFETIMES, NOON)
    assert refused.value.then is None


def test_a_token_of_another_client_is_refused_and_ends_nothing() -> None:
    """RFC 6749 §6, §10.4: the refresh token is bound to the client to which it was issued."""
    for presented in (unused(), used(), replace(used(), successor_used=True)):
        with pytest.raises(InvalidGrant, match="another client") as refused:
            present(presented, GATEWAY, now=NOON + 2 * DAY)
        assert refused.value.then is None


def test_a_token_of_an_ended_grant_is_refused_and_ends_nothing_twice() -> None:
    """RFC 7009 §2.1: a revoked token cannot be used again."""
    ended = replace(grant_of(PHOTOS), ended_at=NOON)
    for presented in (unused(), used(), replace(used(), successor_used=True)):
        with pytest.raises(InvalidGrant, match="revoked") as refused:
            present(replace(presented, grant=ended), now=NOON + 2 * DAY)
        assert refused.value.then is None


def test_scope_may_narrow_and_widen_again_up_to_the_grant() -> None:
    """RFC 6749 §6: never beyond what was originally granted; the grant itself keeps its scope."""
    narrow = present(unused(), scope="customers:read")
    assert narrow.access.scopes == {"customers:read"}
    assert narrow.kept is not None
    next_one = Presented(narrow.kept, grant_of(PHOTOS))
    asked = Refresh(SECOND, None)
    whole = rotate(asked, PHOTOS, next_one, dice(3), LIFETIMES, NOON)
    assert whole.access.scopes == PHOTOS.default_scopes


@pytest.mark.parametrize("scope", ["customers:read customers:write", "files:read", "nonsense"])
def test_scope_never_widens(scope: str) -> None:
    """RFC 6749 §6: MUST NOT include any scope not originally granted."""
    for presented in (unused(), used()):
        with pytest.raises(InvalidScope) as refused:
            present(presented, scope=scope)
        assert refused.value.then is None


def test_no_secret_shows_in_what_a_log_would_print() -> None:
    assert SECOND not in repr(present(unused()))

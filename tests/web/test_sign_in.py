"""GET and POST /sign-in: who gets in, who has to wait, and what a stranger can learn or do."""

import asyncio
import re
from http import HTTPStatus

import pytest
from argon2 import PasswordHasher
from httpx2 import AsyncClient, Response

from flextell.accounts import passwords
from flextell.accounts.model import Person
from flextell.accounts.throttle import Count, Key, Kind
from tests.web.conftest import OUTDATED_HASH, PHOTOS_APP, Browsers, OwnWorld, Someone
from tests.web.flows import asks, forms_on, is_sign_in, submit, visit
from tests.world import ALICE, BOB, PASSWORD, World

pytestmark = pytest.mark.anyio

SESSION = "__Host-flextell_session"
BROWSER = "__Host-flextell_browser"
DEVICE = "__Host-flextell_device"
WRONG = "The e-mail address or the password is not right."


class CountingHasher:
    """Argon2id that remembers how often it ran."""

    def __init__(self, real: PasswordHasher) -> None:
        self.real = real
        self.verified = 0

    def verify(self, known: str, password: str) -> bool:
        self.verified += 1
        return self.real.verify(known, password)

    def hash(self, password: str) -> str:
        return self.real.hash(password)

    def check_needs_rehash(self, known: str) -> bool:
        return self.real.check_needs_rehash(known)


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    """Count the password hashes that are computed."""
    counting = CountingHasher(passwords.OWASP_ARGON2ID_19_MIB)
    monkeypatch.setattr(passwords, "OWASP_ARGON2ID_19_MIB", counting)
    return counting


async def attempt(browser: AsyncClient, email: str, password: str = PASSWORD) -> Response:
    """Open the page at no app's request, and send the form."""
    return await submit(browser, await browser.get("/sign-in"), email=email, password=password)


async def fail(browser: AsyncClient, email: str, times: int) -> None:
    """Send a wrong password so many times, none of which is turned away."""
    page = await browser.get("/sign-in")
    for _ in range(times):
        response = await submit(browser, page, email=email, password="wrong")
        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


async def fail_patiently(world: World, browser: AsyncClient, email: str, times: int) -> None:
    """The same, waiting before each try as long as it may take."""
    for _ in range(times):
        world.clock.advance(world.parts.settings.sign_in_longest_wait_seconds)
        await fail(browser, email, 1)


def got_in(response: Response) -> bool:
    return response.status_code == HTTPStatus.SEE_OTHER and SESSION in response.cookies


async def is_signed_in(browser: AsyncClient, someone: Someone) -> bool:
    return someone.email in (await browser.get("/")).text


def cookies_set(response: Response) -> dict[str, str]:
    """Each cookie's value and flags, by its name."""
    lines = response.headers.get_list("set-cookie")
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines}


def waits(response: Response) -> int:
    """How long the page says to wait, in seconds; 0 if it does not."""
    if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
        assert "retry-after" not in response.headers
        return 0
    assert "Please wait" in response.text
    return int(response.headers["retry-after"])


# Sessions


async def test_the_right_password_begins_a_session(browser: AsyncClient, alice: Someone) -> None:
    response = await attempt(browser, alice.email)

    assert got_in(response)
    assert response.headers["location"] == "/"
    assert await is_signed_in(browser, alice)


async def test_cookies_are_bound_to_this_host_and_out_of_reach_of_scripts(
    browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6265bis §4.1.3.2, OWASP ASVS 5.0 §3.3."""
    page = await browser.get("/sign-in")
    response = await submit(browser, page, email=alice.email, password=PASSWORD)

    flags = r"[A-Za-z0-9_.-]{22,}; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert set(cookies_set(page)) == {BROWSER}
    assert re.fullmatch(flags, cookies_set(page)[BROWSER])
    assert set(cookies_set(response)) == {SESSION, DEVICE}
    assert re.fullmatch(flags + r"; Max-Age=1209600", cookies_set(response)[SESSION])
    assert re.fullmatch(flags + r"; Max-Age=31536000", cookies_set(response)[DEVICE])


async def test_every_sign_in_has_a_session_of_its_own_and_ends_the_one_before(
    browser: AsyncClient, new_browser: Browsers, alice: Someone
) -> None:
    """OWASP ASVS 5.0 §7.2.4."""
    await attempt(browser, alice.email)
    first = browser.cookies[SESSION]
    await attempt(browser, alice.email)
    second = browser.cookies[SESSION]
    thief = new_browser()
    thief.cookies.set(SESSION, first, domain="localhost.local")

    assert first != second
    assert not await is_signed_in(thief, alice)
    assert await is_signed_in(browser, alice)


async def test_a_session_id_that_somebody_planted_is_not_used(
    browser: AsyncClient, new_browser: Browsers, alice: Someone
) -> None:
    """OWASP ASVS 5.0 §7.2.4: session fixation."""
    planted = "p" * 43
    browser.cookies.set(SESSION, planted, domain="localhost.local")
    page = await browser.get("/sign-in")
    response = await submit(browser, page, email=alice.email, password=PASSWORD)
    attacker = new_browser()
    attacker.cookies.set(SESSION, planted, domain="localhost.local")

    assert got_in(response)
    assert planted not in cookies_set(response)[SESSION]
    assert not await is_signed_in(attacker, alice)


async def test_a_session_ends_after_two_weeks_and_when_it_was_not_used_for_two_days(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world() as world:
        browser = new_browser(world)
        await attempt(browser, ALICE)
        seen = []
        for _ in range(14):
            world.clock.advance(24 * 3600)
            seen.append(ALICE in (await browser.get("/")).text)
        await attempt(browser, ALICE)
        world.clock.advance(2 * 24 * 3600 + 15 * 60)

        assert seen == [True] * 13 + [False]
        assert ALICE not in (await browser.get("/")).text


async def test_the_page_is_shown_to_somebody_who_is_signed_in_as_well(
    browser: AsyncClient, alice: Someone, bob: Someone
) -> None:
    await attempt(browser, alice.email)

    response = await attempt(browser, bob.email)

    assert got_in(response)
    assert await is_signed_in(browser, bob)
    assert not await is_signed_in(browser, alice)


# Forms


@pytest.mark.parametrize("csrf", ["", "x", "é", "\x00", "a" * 43])
async def test_a_form_without_its_proof_changes_nothing(
    browser: AsyncClient, alice: Someone, csrf: str
) -> None:
    page = await browser.get("/sign-in")

    response = await submit(browser, page, email=alice.email, password=PASSWORD, csrf=csrf)

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert is_sign_in(response)
    assert "Please sign in again." in response.text
    assert SESSION not in response.cookies


async def test_a_form_of_another_browser_changes_nothing(
    browser: AsyncClient, new_browser: Browsers, alice: Someone
) -> None:
    """Login CSRF: nobody can be made to sign in as the attacker."""
    theirs = forms_on(await new_browser().get("/sign-in"))[0].fields["csrf"]
    page = await browser.get("/sign-in")

    response = await submit(browser, page, email=alice.email, password=PASSWORD, csrf=theirs)

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert SESSION not in response.cookies


async def test_a_form_sent_without_cookies_is_shown_again(
    browser: AsyncClient, new_browser: Browsers, alice: Someone
) -> None:
    page = await browser.get("/sign-in")

    response = await submit(new_browser(), page, email=alice.email, password=PASSWORD)

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert BROWSER in response.cookies
    assert alice.email in forms_on(response)[0].fields["email"]


async def test_a_form_from_before_a_sign_in_is_void_after_it(
    browser: AsyncClient, alice: Someone, bob: Someone
) -> None:
    page = await browser.get("/sign-in")
    await submit(browser, page, email=alice.email, password=PASSWORD)

    response = await submit(browser, page, email=bob.email, password=PASSWORD)

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert await is_signed_in(browser, alice)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:8443",
        "https://localhost",
        "https://localhost:8443.evil.example",
        "",
    ],
)
async def test_a_form_sent_by_another_site_is_refused(
    browser: AsyncClient, alice: Someone, origin: str
) -> None:
    page = await browser.get("/sign-in")
    browser.headers["origin"] = origin

    response = await submit(browser, page, email=alice.email, password=PASSWORD)

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "set-cookie" not in response.headers
    assert "This form was sent by another site." in response.text


async def test_a_form_sent_by_our_own_site_is_taken(browser: AsyncClient, alice: Someone) -> None:
    browser.headers["origin"] = "https://localhost:8443"

    assert got_in(await attempt(browser, alice.email))


@pytest.mark.parametrize("form", ["{}", "email=%ff", "email=%"])
async def test_a_body_that_is_no_form_gets_a_page(browser: AsyncClient, form: str) -> None:
    kind = "application/json" if form == "{}" else "application/x-www-form-urlencoded"

    response = await browser.post("/sign-in", content=form, headers={"content-type": kind})

    assert response.status_code == (415 if form == "{}" else 400)
    assert "<h1>" in response.text


async def test_a_body_over_its_limit_gets_a_page(browser: AsyncClient) -> None:
    response = await browser.post("/sign-in", data={"email": "x" * 70_000})

    assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_the_password_is_never_shown_again(browser: AsyncClient, alice: Someone) -> None:
    response = await attempt(browser, alice.email, "a-secret-guess")

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "a-secret-guess" not in response.text


async def test_an_address_may_be_spelled_in_any_case_and_with_spaces_around(
    browser: AsyncClient, alice: Someone
) -> None:
    for spelling in (f" {alice.email}\t", alice.email.upper(), alice.email.title()):
        assert got_in(await attempt(browser, spelling))


async def test_a_login_hint_is_filled_in_and_cannot_break_out(browser: AsyncClient) -> None:
    """OpenID Connect Core §3.1.2.1."""
    hint = '"><script>alert(1)</script>'

    page = await visit(browser, asks(PHOTOS_APP, login_hint=hint))

    assert forms_on(page)[0].fields["email"] == hint
    assert "<script" not in page.text


async def test_the_page_names_the_app_that_sent_the_person(browser: AsyncClient) -> None:
    page = await visit(browser, asks(PHOTOS_APP))

    assert "to continue to" in page.text
    assert "Photos" in page.text


@pytest.mark.parametrize("client_id", ["nobody", PHOTOS_APP.client_id[:-1]])
async def test_the_page_of_an_unknown_app_names_none(browser: AsyncClient, client_id: str) -> None:
    page = await browser.get("/sign-in", params={"client_id": client_id})

    assert page.status_code == HTTPStatus.OK
    assert "to your Flextell account" in page.text
    assert client_id not in re.sub(r'action="[^"]*"', "", page.text)


@pytest.mark.parametrize("client_id", ["\x00", "a\nb", "c" * 256])
async def test_a_client_id_that_none_can_have_gets_an_error_page(
    browser: AsyncClient, client_id: str
) -> None:
    page = await browser.get("/sign-in", params={"client_id": client_id})

    assert page.status_code == HTTPStatus.BAD_REQUEST
    assert "<h1>" in page.text


# What a stranger learns


async def test_an_unknown_account_and_a_wrong_password_are_told_the_same(
    browser: AsyncClient, alice: Someone
) -> None:
    """OWASP ASVS 5.0 §6.3.8."""
    page = await browser.get("/sign-in")
    stranger = alice.email.replace("alice", "ecila")

    wrong = await submit(browser, page, email=alice.email, password="wrong")
    unknown = await submit(browser, page, email=stranger, password="wrong")

    assert wrong.status_code == unknown.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert WRONG in wrong.text
    assert wrong.text.replace(alice.email, stranger) == unknown.text
    changing = ("date", "x-ratelimit-remaining")
    assert {k: v for k, v in wrong.headers.items() if k not in changing} == {
        k: v for k, v in unknown.headers.items() if k not in changing
    }


async def test_an_unknown_account_costs_the_same_hash(
    browser: AsyncClient, alice: Someone, hasher: CountingHasher
) -> None:
    """The time of the answer must not tell who has an account."""
    counts = []
    for email in (alice.email, "nobody@example.com", "no address", ""):
        before = hasher.verified
        await attempt(browser, email, "wrong")
        counts.append(hasher.verified - before)

    assert counts == [1, 1, 1, 1]


async def test_a_disabled_account_is_told_the_same_as_a_wrong_password(
    world: World, browser: AsyncClient, alice: Someone, hasher: CountingHasher
) -> None:
    wrong = await attempt(browser, alice.email, "wrong")
    await world.parts.store.write(
        lambda unit: unit.people.disable(alice.person_id, world.clock.now)
    )
    before = hasher.verified

    disabled = await attempt(browser, alice.email)

    assert disabled.status_code == wrong.status_code
    assert disabled.text == wrong.text
    assert hasher.verified - before == 1


async def test_disabling_a_person_ends_their_sessions(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await attempt(browser, alice.email)
    await world.parts.store.write(
        lambda unit: unit.people.disable(alice.person_id, world.clock.now)
    )

    assert not await is_signed_in(browser, alice)


async def test_a_stranger_has_to_wait_for_an_unknown_account_as_for_a_known_one(
    browser: AsyncClient, alice: Someone
) -> None:
    """Otherwise the wait would tell who has an account."""
    await fail(browser, alice.email, 5)
    await fail(browser, "nobody-at-all@example.com", 5)

    known = await attempt(browser, alice.email)
    unknown = await attempt(browser, "nobody-at-all@example.com")

    assert waits(known) == waits(unknown) == 1


# Throttling (OWASP ASVS 5.0 §6.3.1)


async def test_the_wait_for_one_account_from_one_address_doubles(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    page = await browser.get("/sign-in")
    told = []
    await fail(browser, alice.email, 5)
    for _ in range(12):
        response = await submit(browser, page, email=alice.email, password="wrong")
        told.append(waits(response))
        world.clock.advance(told[-1])
        await fail(browser, alice.email, 1)

    assert told == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


@pytest.mark.parametrize(
    ("failures", "words"), [(5, "wait a second,"), (8, "wait 8 seconds,"), (12, "wait 3 minutes,")]
)
async def test_the_wait_is_said_in_words(
    world: World, browser: AsyncClient, alice: Someone, failures: int, words: str
) -> None:
    await fail_patiently(world, browser, alice.email, failures)

    assert words in (await attempt(browser, alice.email)).text


async def test_the_right_password_has_to_wait_as_well(
    world: World, browser: AsyncClient, alice: Someone, hasher: CountingHasher
) -> None:
    """And nothing is hashed for it: a throttled guess costs us nothing."""
    await fail(browser, alice.email, 5)
    before = hasher.verified

    response = await attempt(browser, alice.email)
    world.clock.advance(1)

    assert waits(response) == 1
    assert hasher.verified == before
    assert got_in(await attempt(browser, alice.email))


async def test_a_try_made_while_waiting_is_not_counted(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """Nobody can push the end of somebody else's wait."""
    await fail_patiently(world, browser, alice.email, 7)
    for _ in range(5):
        assert waits(await attempt(browser, alice.email, "wrong")) == 4
    world.clock.advance(4)

    await fail(browser, alice.email, 1)

    assert waits(await attempt(browser, alice.email)) == 8


async def test_many_tries_at_once_are_worth_no_more_than_one_after_another(
    browser: AsyncClient, alice: Someone
) -> None:
    page = await browser.get("/sign-in")

    responses = await asyncio.gather(
        *(submit(browser, page, email=alice.email, password=f"guess {n}") for n in range(30)),
        submit(browser, page, email=alice.email, password=PASSWORD),
    )

    statuses = [response.status_code for response in responses]
    assert statuses.count(422) == 5
    assert statuses.count(429) == 26
    assert not any(got_in(response) for response in responses)


async def test_one_account_is_counted_from_anywhere(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    """Many addresses guessing at one account: those that guess on wait, its owner does not."""
    async with own_world(sign_in_free_attempts_per_account=3) as world:
        guessers = [new_browser(world, f"2001:db8:ffff:{n:x}::1") for n in range(6)]
        for guesser in guessers:
            await fail(guesser, ALICE, 2)

        told = waits(await attempt(guessers[0], ALICE))
        owner = new_browser(world, "2001:db8:fff2::1")

        assert told == 60
        assert got_in(await attempt(owner, ALICE))


async def test_one_address_is_counted_for_any_account(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    """One password tried on many accounts."""
    async with own_world(sign_in_free_attempts_per_address=3) as world:
        sprayer = new_browser(world, "2001:db8:fff1::1")
        for number in range(3):
            await fail(sprayer, f"somebody-{number}@example.com", 1)

        assert waits(await attempt(sprayer, ALICE)) == 1
        assert got_in(await attempt(new_browser(world, "2001:db8:fff2::1"), ALICE))


async def test_neighbours_in_one_ipv6_network_are_counted_as_one(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    """Whoever has one address in a /64 has all 2^64 of them."""
    async with own_world() as world:
        for number in range(5):
            await fail(new_browser(world, f"2001:db8:ffff:1::{number:x}"), ALICE, 1)

        assert waits(await attempt(new_browser(world, "2001:db8:ffff:1::abcd"), ALICE)) == 1
        assert got_in(await attempt(new_browser(world, "2001:db8:ffff:2::1"), ALICE))


async def test_a_browser_its_owner_used_before_gets_in_while_strangers_wait(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    """A stranger cannot lock the true owner out for good."""
    async with own_world(sign_in_free_attempts_per_account=3) as world:
        owner = new_browser(world, "2001:db8:fff2::1")
        await attempt(owner, ALICE)
        await fail(new_browser(world, "2001:db8:fff1::1"), ALICE, 3)

        stranger = await attempt(new_browser(world, "2001:db8:fff1::1"), ALICE)

        assert waits(stranger) == 1
        assert got_in(await attempt(owner, ALICE))


async def test_a_browser_of_one_person_has_no_advantage_with_another_account(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(sign_in_free_attempts_per_account=3) as world:
        bobs = new_browser(world, "2001:db8:fff2::1")
        await attempt(bobs, BOB)
        await fail(new_browser(world, "2001:db8:fff1::1"), ALICE, 3)
        await fail(bobs, ALICE, 2)

        assert waits(await attempt(bobs, ALICE)) == 4


@pytest.mark.parametrize("device", ["x", "x.y", ".", "ü.ü", "a" * 22 + "." + "b" * 43])
async def test_a_made_up_device_cookie_has_no_advantage(
    browser: AsyncClient, alice: Someone, device: str
) -> None:
    await fail(browser, alice.email, 5)
    form = forms_on(await browser.get("/sign-in"))[0]
    cookies = f"{BROWSER}={browser.cookies[BROWSER]}; {DEVICE}={device}".encode()
    browser.cookies.clear()

    response = await browser.post(
        form.action,
        data={**form.fields, "email": alice.email, "password": PASSWORD},
        headers=[(b"cookie", cookies)],
    )

    assert waits(response) == 1


async def test_getting_in_forgives_what_was_failed_at_from_the_same_address(
    browser: AsyncClient, new_browser: Browsers, alice: Someone
) -> None:
    await fail(browser, alice.email, 4)
    await attempt(browser, alice.email)
    another_at_the_same_address = new_browser()

    await fail(another_at_the_same_address, alice.email, 4)

    assert got_in(await attempt(another_at_the_same_address, alice.email))


async def test_getting_in_forgives_what_was_failed_at_in_a_browser_used_before(
    browser: AsyncClient, alice: Someone
) -> None:
    await attempt(browser, alice.email)
    device = browser.cookies[DEVICE]
    await fail(browser, alice.email, 4)
    await attempt(browser, alice.email)
    browser.cookies.set(DEVICE, device, domain="localhost.local", path="/")

    await fail(browser, alice.email, 4)

    assert browser.cookies[DEVICE] == device
    assert got_in(await attempt(browser, alice.email))


async def test_wrong_passwords_are_forgotten_after_a_day(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await fail(browser, alice.email, 5)
    world.clock.advance(24 * 3600)

    await fail(browser, alice.email, 4)

    assert waits(await attempt(browser, alice.email)) == 0


@pytest.mark.parametrize("email", ["x" * 300 + "@example.com", "a\x00b@example.com"])
async def test_an_address_nobody_can_have_is_not_kept(
    world: World, browser: AsyncClient, email: str
) -> None:
    """A stranger must not be able to fill the disk, nor to send what a database refuses."""
    response = await attempt(browser, email)

    key = Key(Kind.ACCOUNT, email)
    kept = await world.parts.store.read(lambda unit: unit.throttles.counts([key]))
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert kept == {key: Count()}


# Hashes


async def test_a_hash_with_outdated_parameters_is_renewed_at_sign_in(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """OWASP Password Storage Cheat Sheet: work factors grow."""
    first = await attempt(browser, alice.email)

    person = await world.parts.store.read(lambda unit: unit.people.by_email(alice.email))
    assert got_in(first)
    assert person is not None
    assert person.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert got_in(await attempt(browser, alice.email))


async def test_a_wrong_password_does_not_renew_the_hash(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await attempt(browser, alice.email, "wrong")

    person = await world.parts.store.read(lambda unit: unit.people.by_email(alice.email))
    assert person is not None
    assert person.password_hash == OUTDATED_HASH


async def test_a_storm_of_sign_ins_is_turned_away_at_once(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    """One hash runs, one waits; the rest is told to try again, and nothing else is slowed."""
    async with own_world(password_hash_workers=1, password_hash_queue=1) as world:
        browser = new_browser(world)
        page = await browser.get("/sign-in")

        responses = await asyncio.gather(
            *(submit(browser, page, email=ALICE, password=PASSWORD) for _ in range(10))
        )

        turned_away = [r for r in responses if r.status_code == 503]
        assert [r.status_code for r in responses].count(303) == 2
        assert len(turned_away) == 8
        assert all(r.headers["retry-after"] == "1" for r in turned_away)
        assert all("Many people are signing in" in r.text for r in turned_away)


async def test_an_absurdly_long_password_is_wrong(browser: AsyncClient, alice: Someone) -> None:
    response = await attempt(browser, alice.email, "p" * 60_000)

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


# Pages


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_told_which_ones_work(browser: AsyncClient, method: str) -> None:
    """RFC 9110 §15.5.6."""
    response = await browser.request(method, "/sign-in")

    assert response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert response.headers["allow"] == "GET, HEAD, POST"


async def test_one_address_asking_for_too_many_pages_is_told_to_wait(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(page_requests_per_window=2) as world:
        browser = new_browser(world)
        responses = [await browser.get("/sign-in") for _ in range(3)]

        assert [r.status_code for r in responses] == [200, 200, 429]
        assert 1 <= int(responses[-1].headers["retry-after"]) <= 60


async def test_the_last_sign_in_is_remembered_and_a_failure_is_none(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await fail(browser, alice.email, 1)
    assert (await person(world, alice)).last_login_at is None
    await attempt(browser, alice.email)

    known = await person(world, alice)
    assert known.last_login_at == world.clock.now
    assert str(known.last_login_ip).startswith("2001:db8:")


async def person(world: World, someone: Someone) -> Person:
    """Somebody as the store knows them."""
    found = await world.parts.store.read(lambda unit: unit.people.by_email(someone.email))
    assert found is not None
    return found

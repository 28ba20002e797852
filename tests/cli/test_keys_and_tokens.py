"""`flextell keys` and `flextell tokens`."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flextell.app import open_master_key
from flextell.cli.keys import state_of
from flextell.exits import ExitCode
from flextell.node.keyring import KeyMaker
from flextell.oauth import access_token
from flextell.oauth.grants.issue import REFRESH_PREFIX
from flextell.oauth.keys import KeyRecord
from flextell.oauth.model import AuthorizationCode, Digest, Grant, RefreshToken, digest_of
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.store.port import Store, Unit
from tests.cli.conftest import Run

REFRESH_TOKEN = REFRESH_PREFIX + "a" * 43


def test_the_first_keys_sign_at_once_and_the_next_ones_wait(flextell: Run) -> None:
    first = flextell("keys", "rotate", "--json").json
    second = flextell("keys", "rotate", "--purpose", "access_token", "--json").json
    listed = {key["kid"]: key for key in flextell("keys", "list", "--json").json}

    assert [key["purpose"] for key in first] == ["access_token", "id_token"]
    assert {key["state"] for key in first} == {"signing"}
    assert [(key["purpose"], key["state"]) for key in second] == [("access_token", "waiting")]
    assert len(listed) == 3
    assert listed[first[0]["kid"]]["state"] == "signing"
    assert listed[first[0]["kid"]]["published_until"] is not None
    assert "waiting until 20" in flextell("keys", "list").out


@pytest.mark.parametrize(
    ("now", "states"),
    [
        (15, ["signing", "waiting"]),
        (20, ["retired", "signing"]),
        (29, ["retired", "signing"]),
        (30, ["ended", "signing"]),
    ],
)
def test_a_key_waits_signs_retires_and_ends(now: int, states: list[str]) -> None:
    old = KeyRecord("old", "access_token", "ES256", b"", {}, 10, 10, 30)
    new = KeyRecord("new", "access_token", "ES256", b"", {}, 15, 20)

    assert [state_of(record, [old, new], now) for record in (old, new)] == states


def test_keys_are_never_made_under_a_master_key_that_does_not_open_the_old_ones(
    flextell: Run, data_dir: Path
) -> None:
    flextell("keys", "rotate")
    (data_dir / "master.key").write_bytes(b64encode(b"another key, of 32 bytes exactly"))
    ran = flextell("keys", "rotate", "--json")

    assert ran.code == ExitCode.KEY_FILE
    assert len(flextell("keys", "list", "--json").json) == 2


def test_a_lost_master_key_is_not_replaced(flextell: Run, data_dir: Path) -> None:
    flextell("keys", "rotate")
    (data_dir / "master.key").unlink()
    ran = flextell("keys", "rotate", "--json")

    assert ran.code == ExitCode.KEY_FILE
    assert "restore it from your backup" in ran.error["message"]


@pytest.fixture
def granted(
    alice: dict[str, Any], photos: dict[str, Any], store: Callable[[], Store]
) -> dict[str, str]:
    """Alice gave access to Photos (`g1`), and to another app (`g2`)."""

    def work(unit: Unit) -> None:
        scopes = frozenset({"account:read"})
        for grant_id, client_id in (("g1", photos["client_id"]), ("g2", "another app")):
            unit.grants.add(Grant(grant_id, client_id, alice["subject"], scopes, 1))
        digest = digest_of(REFRESH_TOKEN)
        unit.refresh_tokens.put(RefreshToken(digest, "g1", 0, 1, 2**40, scopes, 2))

    opened = store()
    opened.at_once(work)
    opened.close()
    return {"email": alice["email"], "client_id": photos["client_id"]}


def living(store: Store) -> list[str]:
    try:
        return [g.grant_id for g in store.at_once(lambda unit: unit.grants.living())]
    finally:
        store.close()


@pytest.mark.parametrize(
    ("named", "left"),
    [(("email",), []), (("client_id",), ["g2"]), (("email", "client_id"), ["g2"])],
)
def test_revoke_ends_what_a_person_gave_or_an_app_got(
    flextell: Run,
    granted: dict[str, str],
    store: Callable[[], Store],
    named: tuple[str, ...],
    left: list[str],
) -> None:
    options = [part for n in named for part in (f"--{n.replace('_', '-')}", granted[n])]
    ran = flextell("tokens", "revoke", *options, "--json")

    assert ran.json == {"ended_grants": 2 - len(left)}
    assert living(store()) == left


@pytest.fixture
def code_of(
    alice: dict[str, Any], photos: dict[str, Any], store: Callable[[], Store]
) -> dict[str, Digest]:
    """Codes that nobody has exchanged yet, by person and app."""
    codes = [
        AuthorizationCode(
            digest=digest_of(f"a code of {who} for {app}"),
            grant_id=f"{who} {app}",
            client_id=client_id,
            subject=subject,
            redirect_uri="https://localhost:9443/callback",
            scopes=frozenset({"account:read"}),
            code_challenge=None,
            nonce=None,
            auth_time=1,
            expires_at=2**40,
        )
        for who, subject in (("Alice", alice["subject"]), ("Bob", "sub-bob"))
        for app, client_id in (("Photos", photos["client_id"]), ("Phone", "phone"))
    ]

    def work(unit: Unit) -> None:
        for code in codes:
            unit.codes.put(code)

    opened = store()
    opened.at_once(work)
    opened.close()
    return {code.grant_id: code.digest for code in codes}


def still_exchanged(store: Store, code_of: dict[str, Digest]) -> set[str]:
    """The codes that the token endpoint would still find: it begins with this claim."""

    def work(unit: Unit) -> set[str]:
        return {whose for whose, digest in code_of.items() if unit.codes.claim(digest, 2)}

    try:
        return store.at_once(work)
    finally:
        store.close()


@pytest.mark.parametrize(
    ("named", "left"),
    [
        (("email",), {"Bob Photos", "Bob Phone"}),
        (("client_id",), {"Alice Phone", "Bob Phone"}),
        (("email", "client_id"), {"Alice Phone", "Bob Photos", "Bob Phone"}),
    ],
)
def test_a_code_from_before_the_revocation_cannot_be_exchanged_after_it(
    flextell: Run,
    granted: dict[str, str],
    code_of: dict[str, Digest],
    store: Callable[[], Store],
    named: tuple[str, ...],
    left: set[str],
) -> None:
    """A code in flight would begin the access anew."""
    options = [part for n in named for part in (f"--{n.replace('_', '-')}", granted[n])]

    assert flextell("tokens", "revoke", *options).code == ExitCode.OK
    assert still_exchanged(store(), code_of) == left


def test_a_code_for_an_app_that_was_deleted_cannot_be_exchanged(
    flextell: Run, granted: dict[str, str], code_of: dict[str, Digest], store: Callable[[], Store]
) -> None:
    assert flextell("apps", "delete", granted["client_id"], "--yes").code == ExitCode.OK
    assert still_exchanged(store(), code_of) == {"Alice Phone", "Bob Phone"}


def test_revoke_takes_a_refresh_token_from_standard_input(
    flextell: Run, granted: dict[str, str], store: Callable[[], Store]
) -> None:
    ran = flextell("tokens", "revoke", "--token-stdin", stdin=REFRESH_TOKEN.encode() + b"\n")

    assert ran.out == "1 grant ended.\n"
    assert living(store()) == ["g2"]


def test_revoke_takes_an_access_token_that_we_signed_and_no_forged_one(
    flextell: Run, granted: dict[str, str], data_dir: Path, store: Callable[[], Store]
) -> None:
    flextell("keys", "rotate")
    settings = Settings(data_dir=data_dir)
    opened = store()
    master_key = open_master_key(settings, SYSTEM, opened)
    [record] = opened.at_once(
        lambda unit: [r for r in unit.signing_keys.all() if r.purpose == "access_token"]
    )
    opened.close()
    key = KeyMaker(master_key, settings, SYSTEM).open(record)
    said = access_token.AccessToken("g1.0", "s", "c", frozenset({"account:read"}), 1, 2)
    token = access_token.sign(said, key, "https://any.example", "https://any.example/api")
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")

    assert flextell("tokens", "revoke", "--token-stdin", stdin=forged.encode()).code == (
        ExitCode.NOT_FOUND
    )
    assert living(store()) == ["g1", "g2"]
    assert flextell("tokens", "revoke", "--token-stdin", stdin=token.encode()).code == ExitCode.OK
    assert living(store()) == ["g2"]


def test_an_unknown_token_is_not_found_and_not_repeated(
    flextell: Run, granted: dict[str, str]
) -> None:
    ran = flextell("tokens", "revoke", "--token-stdin", "--json", stdin=b"flx_refresh_unknown")

    assert ran.code == ExitCode.NOT_FOUND
    assert "unknown" not in ran.err


@pytest.mark.parametrize(
    "arguments", [(), ("--token-stdin", "--email", "alice@example.com")], ids=["none", "both"]
)
def test_revoke_wants_to_know_what(flextell: Run, arguments: tuple[str, ...]) -> None:
    assert flextell("tokens", "revoke", *arguments).code == ExitCode.USAGE

"""`flextell apps`: the forms that others rely on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from flextell.exits import ExitCode
from flextell.oauth.model import Grant, digest_of
from flextell.store.port import Store, Unit
from tests.cli.conftest import Run

CREATE = ("apps", "create", "--name", "Photos", "--scope", "account:read customers:read")
CALLBACK = "https://localhost:9443/callback"


def test_create_prints_the_client_and_its_secret_once(
    flextell: Run, photos: dict[str, Any], store: Callable[[], Store]
) -> None:
    opened = store()
    kept = opened.at_once(lambda unit: unit.clients.get(photos["client_id"]))
    opened.close()

    assert set(photos) == {
        "client_id", "client_secret", "name", "publisher", "homepage_url", "redirect_uris",
        "scope", "public", "require_pkce", "introspect", "created_at",
    }  # fmt: skip
    assert (photos["name"], photos["redirect_uris"]) == ("Photos", [CALLBACK])
    assert photos["scope"] == "account:read customers:read"
    assert photos["public"] is photos["require_pkce"] is photos["introspect"] is False
    assert kept is not None
    assert kept.secret_digest == digest_of(photos["client_secret"])
    for command in (("apps", "list"), ("apps", "show", photos["client_id"])):
        assert photos["client_secret"] not in flextell(*command).out
        assert photos["client_secret"] not in flextell(*command, "--json").out


def test_create_takes_every_form(flextell: Run) -> None:
    made = flextell(
        *CREATE, "--redirect-uri", CALLBACK, "--redirect-uri", "com.example.my_app://callback",
        "--require-pkce", "--introspect", "--publisher", "Picture People Ltd",
        "--homepage-url", "https://photos.example/", "--json",
    ).json  # fmt: skip

    assert made["redirect_uris"] == [CALLBACK, "com.example.my_app://callback"]
    assert made["require_pkce"] is made["introspect"] is True
    assert made["publisher"] == "Picture People Ltd"
    assert made["homepage_url"] == "https://photos.example/"


def test_a_public_app_has_no_secret(flextell: Run) -> None:
    made = flextell(*CREATE, "--redirect-uri", CALLBACK, "--public", "--json").json

    assert made["client_secret"] is None
    assert made["public"] is made["require_pkce"] is True


def test_for_people_create_says_that_the_secret_is_shown_once(flextell: Run) -> None:
    shown = flextell(*CREATE, "--redirect-uri", CALLBACK).out

    assert "client_secret: " in shown
    assert "it is not shown again" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "at least one redirect URI"),
        (("--redirect-uri", "http://photos.example/cb"), "Plain http"),
        (("--redirect-uri", CALLBACK, "--scope", "customers:fly"), "does not exist"),
        (("--redirect-uri", CALLBACK, "--name", "Pho\u202etos"), "printable"),
        (("--redirect-uri", CALLBACK, "--homepage-url", "http://x.example"), "https URL"),
    ],
)
def test_what_breaks_a_rule_is_invalid(
    flextell: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = flextell(*CREATE, *arguments, "--json")

    assert ran.code == ExitCode.INVALID
    assert ran.error["error"] == "invalid"
    assert sentence in ran.error["message"]


def test_list_and_show_agree(flextell: Run, photos: dict[str, Any]) -> None:
    del photos["client_secret"]

    assert flextell("apps", "show", photos["client_id"], "--json").json == photos
    assert flextell("apps", "list", "--json").json == [photos]


def test_a_long_list_is_not_cut_where_no_person_looks(flextell: Run) -> None:
    everything = "account:read customers:read conversations:read files:read tags:read users:read"
    made = flextell(*CREATE, "--redirect-uri", CALLBACK, "--scope", everything, "--json").json

    assert f"{made['client_id']}  Photos  {made['scope']}  " in flextell("apps", "list").out


def test_rotate_secret_voids_the_old_one(
    flextell: Run, photos: dict[str, Any], store: Callable[[], Store]
) -> None:
    fresh = flextell("apps", "rotate-secret", photos["client_id"], "--json").json
    opened = store()
    kept = opened.at_once(lambda unit: unit.clients.get(photos["client_id"]))
    opened.close()

    assert fresh["client_secret"] != photos["client_secret"]
    assert kept is not None
    assert kept.secret_digest == digest_of(fresh["client_secret"])


def test_a_public_app_has_no_secret_to_rotate(flextell: Run) -> None:
    phone = flextell(*CREATE, "--redirect-uri", CALLBACK, "--public", "--json").json

    assert flextell("apps", "rotate-secret", phone["client_id"]).code == ExitCode.CONFLICT


def test_delete_ends_all_access(
    flextell: Run, photos: dict[str, Any], store: Callable[[], Store]
) -> None:
    client_id = photos["client_id"]
    opened = store()
    for name in ("g1", "g2"):
        grant = Grant(name, client_id, f"subject of {name}", frozenset(), 1)
        opened.at_once(partial(keep, grant))
    ran = flextell("apps", "delete", client_id, "--yes", "--json")

    assert ran.json == {"client_id": client_id, "deleted": True, "ended_grants": 2}
    assert opened.at_once(lambda unit: unit.grants.living(client_id=client_id)) == []
    assert opened.at_once(lambda unit: unit.clients.get(client_id)) is None
    opened.close()


def test_delete_without_yes_asks_and_cannot_where_nobody_is(
    flextell: Run, photos: dict[str, Any]
) -> None:
    ran = flextell("apps", "delete", photos["client_id"], "--json")

    assert ran.code == ExitCode.USAGE
    assert "--yes" in ran.error["message"]
    assert len(flextell("apps", "list", "--json").json) == 1


@pytest.mark.parametrize("command", ["show", "rotate-secret", "delete"])
def test_an_unknown_client_id_is_not_found(
    flextell: Run, photos: dict[str, Any], command: str
) -> None:
    ran = flextell("apps", command, "no-such-app", "--json")

    assert ran.code == ExitCode.NOT_FOUND
    assert ran.error["error"] == "not_found"
    assert "no-such-app" not in ran.error["message"]


def test_a_wrong_command_line_is_json_too(flextell: Run) -> None:
    ran = flextell("apps", "create", "--nmae", "Photos", "--json")

    assert ran.code == ExitCode.USAGE
    assert ran.error["error"] == "usage"


def keep(grant: Grant, unit: Unit) -> None:
    unit.grants.add(grant)


def test_the_app_of_the_docs_is_registered_once_for_each_address(flextell: Run) -> None:
    create = ("apps", "create-docs", "--json", "--issuer")
    first, again, other = (
        flextell(*create, issuer).json
        for issuer in ("https://id.example", "https://id.example", "https://other.example")
    )

    assert again == first
    assert other["client_id"] != first["client_id"]
    assert first["redirect_uris"] == ["https://id.example/docs/oauth2-redirect"]
    assert first["public"] is True
    assert first["require_pkce"] is True


def test_the_app_of_the_docs_needs_an_address_and_says_how_it_is_used(flextell: Run) -> None:
    ran = flextell("apps", "create-docs", "--json")
    made = flextell("apps", "create-docs", "--issuer", "https://id.example")

    assert ran.code == ExitCode.USAGE
    assert "--issuer" in ran.error["message"]
    assert "FLEXTELL_DOCS_CLIENT_ID=" in made.out

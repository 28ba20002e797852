"""The app in a file: everything that an `App` has, for its owner alone if it holds a secret."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from flextell_sdk.app import App
from flextell_sdk.app_file import KINDS
from flextell_sdk.errors import AppFileError, FlextellError, ServerMisconfigured, StoreNotPrivate
from sdk.tests.fake_server import CLIENT_ID, CLIENT_SECRET, ISSUER
from sdk.tests.world import APP, SCOPE

# As `flextell apps create --json` prints it.
PRINTED = {
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "name": "Photos",
    "publisher": "",
    "homepage_url": "",
    "public": False,
    "redirect_uris": ["http://127.0.0.1/callback", "https://photos.example/callback"],
    "scope": SCOPE,
    "created_at": 1_750_000_000,
}
SAID = {**PRINTED, "issuer": ISSUER}
THE_APP = replace(APP, redirect_uri="http://127.0.0.1/callback")


def written(folder: Path, said: Any, mode: int = 0o600) -> Path:
    file = folder / "app.json"
    file.write_text(said if isinstance(said, str) else json.dumps(said))
    file.chmod(mode)
    return file


def refusal(file: Path, **changes: Any) -> FlextellError:
    with pytest.raises(FlextellError) as problem:
        App.from_file(file, **changes)

    assert CLIENT_SECRET not in str(problem.value)
    return problem.value


def test_what_the_server_printed_is_read_and_the_rest_passed_over(tmp_path: Path) -> None:
    assert App.from_file(written(tmp_path, SAID)) == THE_APP
    assert App.from_file(str(written(tmp_path, SAID))) == THE_APP


def test_what_the_program_says_comes_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, PRINTED)

    assert App.from_file(file, issuer=ISSUER, scope="openid") == replace(THE_APP, scope="openid")


def test_every_field_of_an_app_can_be_in_the_file(tmp_path: Path) -> None:
    whole = App(
        issuer="http://127.0.0.1:8080",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uri="http://127.0.0.1/back",
        scope=SCOPE,
        ca_file=tmp_path / "ca.pem",
        api="http://localhost:9090/api",
        resource="https://api.example",
        timeout_seconds=3,
        allow_plain_http_on_loopback_for_development=True,
    )
    said = {each.name: getattr(whole, each.name) for each in fields(App)}
    file = written(tmp_path, {**said, "ca_file": "ca.pem"})

    assert App.from_file(file) == whole
    assert set(KINDS) == set(said)


@pytest.mark.parametrize("ca_file", ["ca.pem", "./below/../ca.pem", "/etc/ca.pem"])
def test_certificates_are_found_from_where_the_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ca_file: str
) -> None:
    written(tmp_path, {**SAID, "ca_file": ca_file})
    monkeypatch.chdir(tmp_path.parent)
    app = App.from_file(f"{tmp_path.name}/app.json")

    assert app.ca_file == tmp_path / ca_file


def test_a_link_is_as_good_as_what_it_leads_to(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(written(tmp_path, SAID))

    assert App.from_file(link) == THE_APP
    written(tmp_path, SAID, mode=0o644)
    assert isinstance(refusal(link), StoreNotPrivate)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    problem = refusal(written(tmp_path, SAID, mode))

    assert isinstance(problem, StoreNotPrivate)
    assert "chmod 600" in str(problem)


@pytest.mark.parametrize("secret", [None, ""])
def test_an_app_without_a_secret_may_be_read_by_anybody(tmp_path: Path, secret: str | None) -> None:
    file = written(tmp_path, {**SAID, "client_secret": secret}, mode=0o644)

    assert App.from_file(file).client_secret is None


@pytest.mark.parametrize("lost", ["issuer", "client_id"])
def test_what_is_missing_is_named(tmp_path: Path, lost: str) -> None:
    problem = refusal(written(tmp_path, {**SAID, lost: None}))

    assert isinstance(problem, AppFileError)
    assert f"does not say the {lost}" in str(problem)
    assert str(tmp_path) in str(problem)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", 5),
        ("client_secret", ["a"]),
        ("redirect_uris", [7]),
        ("timeout_seconds", "long"),
        ("timeout_seconds", True),
        ("allow_plain_http_on_loopback_for_development", "yes"),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(tmp_path: Path, name: str, value: Any) -> None:
    problem = refusal(written(tmp_path, {**SAID, name: value}))

    assert isinstance(problem, AppFileError)
    assert name.removesuffix("s") in str(problem)


@pytest.mark.parametrize("said", ["", "nonsense", "[1]", '"text"', "null", "{", "\udcff"])
def test_what_is_no_object_is_refused(tmp_path: Path, said: str) -> None:
    file = tmp_path / "app.json"
    file.write_text(said, errors="surrogateescape")

    assert isinstance(refusal(file), AppFileError)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert str(refusal(tmp_path / "none.json")).startswith(f"{tmp_path}/none.json cannot be read")
    assert isinstance(refusal(tmp_path), AppFileError)


def test_a_file_cannot_ask_for_plain_http_elsewhere(tmp_path: Path) -> None:
    said = {
        **SAID,
        "issuer": "http://auth.example",
        "allow_plain_http_on_loopback_for_development": True,
    }

    assert isinstance(refusal(written(tmp_path, said)), ServerMisconfigured)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ServerMisconfigured, match="is no file of certificates"):
        replace(APP, ca_file=file).trust()

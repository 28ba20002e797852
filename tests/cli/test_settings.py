"""`flextell settings`, and how settings reach every command."""

import logging
from pathlib import Path

import pytest

from flextell.cli.settings import printable
from flextell.exits import ExitCode
from flextell.settings import Settings, table, unknown_variables
from tests.cli.conftest import Run


def test_every_setting_is_listed_with_variable_unit_and_default(flextell: Run) -> None:
    listed = {line["name"]: line for line in flextell("settings", "--json").json}

    assert set(listed) == set(Settings.model_fields)
    code = listed["code_seconds"]
    assert (code["variable"], code["unit"], code["default"], code["value"]) == (
        "FLEXTELL_CODE_SECONDS",
        "seconds",
        "60",
        None,
    )
    assert "FLEXTELL_CODE_SECONDS" in flextell("settings").out


def test_a_setting_that_is_set_shows_its_value(
    flextell: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEXTELL_CODE_SECONDS", "30")
    listed = {line["name"]: line for line in flextell("settings", "--json").json}

    assert listed["code_seconds"]["value"] == "30"


def test_an_option_wins_over_the_environment(flextell: Run) -> None:
    listed = flextell("settings", "--data-dir", "/elsewhere", "--json").json

    assert next(line for line in listed if line["name"] == "data_dir")["value"] == "/elsewhere"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql://joe:pa/s?s@w@db.example/x", "postgresql://joe:***@db.example/x"),
        ("postgresql://joe@db.example/x?password=pass", "postgresql://joe@db.example/x?***"),
        ("postgresql://db.example/x", "postgresql://db.example/x"),
        (("10.0.0.0/8", "192.0.2.1"), "10.0.0.0/8,192.0.2.1"),
        (60, "60"),
    ],
)
def test_passwords_in_urls_are_not_shown(value: object, shown: str) -> None:
    assert printable(value) == shown


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PORT", "99999", "The setting port (FLEXTELL_PORT) is wrong: "),
        ("CODE_SECONDS", "s3cret", "The setting code_seconds (FLEXTELL_CODE_SECONDS) is wrong: "),
        ("ISSUER", "ftp://s3cret", "The setting issuer (FLEXTELL_ISSUER) is wrong: URL scheme "),
        ("ISSUER", "https://s3cret/", "The setting issuer (FLEXTELL_ISSUER) is wrong: the issuer"),
        ("LOG_LEVEL", "s3cret", "The setting log_level (FLEXTELL_LOG_LEVEL) is wrong: "),
    ],
)
@pytest.mark.parametrize("command", [("serve",), ("users", "list"), ("doctor",)], ids=" ".join)
def test_a_wrong_setting_is_named_in_one_line_that_does_not_repeat_it(
    flextell: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    variable: str,
    value: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(f"FLEXTELL_{variable}", value)
    ran = flextell(*command)

    assert ran.code == ExitCode.USAGE
    assert ran.err.startswith(sentence)
    assert ran.err.count("\n") == 1
    assert "s3cret" not in ran.err


def test_no_variable_of_ours_is_unknown_and_none_of_others() -> None:
    """In small letters they are read too."""
    ours = ["FLEXTELL_PASSWORD", "FLEXTELL_TEST_DATABASE", *(line.variable for line in table())]
    others = ["PATH", "FLEX", "MY_FLEXTELL_PORT", "FLEXTELLING"]

    assert unknown_variables([*ours, *(name.lower() for name in ours), *others]) == []
    assert unknown_variables(["FLEXTELL_PROT", "flextell_hots", "FLEXTELL_"]) == [
        "FLEXTELL_",
        "FLEXTELL_PROT",
        "flextell_hots",
    ]


def test_a_misspelt_setting_is_named_by_the_doctor_and_in_the_log(
    flextell: Run,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data_dir.mkdir(mode=0o700)
    monkeypatch.setattr("flextell.serving.serve", lambda settings, build: None)

    def warnings() -> list[str]:
        caplog.clear()
        assert flextell("serve").code == ExitCode.OK
        return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]

    assert warnings() == []
    assert "ok    settings" in flextell("doctor", "--port", "0").out

    monkeypatch.setenv("FLEXTELL_REQUIRE_PKC", "s3cret")
    [warning] = warnings()
    examined = flextell("doctor", "--port", "0")

    assert "FLEXTELL_REQUIRE_PKC." in warning
    assert f"warn  settings     {warning}\n" in examined.out
    assert examined.code == ExitCode.OK
    assert "s3cret" not in warning + examined.out


def test_a_database_url_that_is_none_of_ours_is_refused(flextell: Run) -> None:
    ran = flextell("users", "list", "--database", "mysql://joe:s3cret@db.example/x", "--json")

    assert ran.code == ExitCode.DATABASE
    assert "s3cret" not in ran.err


def test_a_mistake_of_ours_leaves_with_its_own_code(
    flextell: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise LookupError("s3cret")

    monkeypatch.setattr("flextell.settings.table", broken)
    ran = flextell("settings", "--json")

    assert ran.code == ExitCode.BUG
    assert ran.error["error"] == "bug"
    assert "s3cret" not in ran.err

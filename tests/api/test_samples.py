"""The samples of the reference are right: shells and Python read them, the API and the SDK too."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

import flextell_sdk
from flextell.api.document import document
from flextell.api.routes import TABLE, find, tree
from flextell.api.row import Row
from flextell.api.samples import curl, python
from flextell.tenants.access import ROLES, Permission, allows
from flextell_sdk.api import operations
from flextell_sdk.api.operation import Operation
from tests.world import ISSUER

EVERY = [(row, method) for row in TABLE for method in row.methods]
every_operation = pytest.mark.parametrize(
    ("row", "method"), EVERY, ids=[f"{method} {row.path}" for row, method in EVERY]
)
every_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")


class Curl:
    """What a line would have curl send."""

    def __init__(self, line: str) -> None:
        self.method, self.headers, self.parts = "GET", dict[str, str](), dict[str, str]()
        self.data = ""
        words = iter(shlex.split(line.replace("\\\n", "")))
        assert next(words) == "curl"
        for word in words:
            self._take(word, words)

    def _take(self, word: str, words: Iterator[str]) -> None:
        match word:
            case "-X":
                self.method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                self.headers[name] = value
            case "-d":
                self.data = next(words)
            case "-F":
                name, _, value = next(words).partition("=")
                self.parts[name] = value
            case url:
                self.url = urlsplit(url)


class Recorder:
    """A client that makes no calls, and keeps what it was to do."""

    def __init__(self, grant: object) -> None:
        performed.append(self)

    def perform(self, operation: Operation[Any]) -> None:
        """Keep it."""
        self.operation = operation


performed: list[Recorder] = []


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a sample in a folder with a photo; the operation that it would have had performed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"a photo")
    monkeypatch.setattr(flextell_sdk, "Client", Recorder)
    monkeypatch.setattr(flextell_sdk.App, "from_file", lambda path: path)
    monkeypatch.setattr(flextell_sdk, "sign_in_here", lambda app: app)

    def run(source: str) -> Operation[Any]:
        performed.clear()
        exec(compile(source, "sample.py", "exec"), {})
        return performed[0].operation

    return run


@every_operation
def test_a_shell_reads_the_curl_line_and_the_table_has_the_endpoint(row: Row, method: str) -> None:
    asked = Curl(curl(row, method, ISSUER))
    found, _, _ = find(tree(TABLE), asked.method, asked.url.path)

    assert found is row
    assert asked.method == method
    assert f"{asked.url.scheme}://{asked.url.netloc}" == ISSUER
    assert asked.headers["Authorization"] == "Bearer $ACCESS_TOKEN"


@every_operation
def test_what_the_curl_line_sends_is_what_the_endpoint_takes(row: Row, method: str) -> None:
    asked = Curl(curl(row, method, ISSUER))

    if row.query is not None:
        row.query.model_validate(dict(parse_qsl(asked.url.query)))
    if row.form is not None:
        assert asked.parts.pop("file") == "@photo.jpg"
        row.form.model_validate(asked.parts)
    if row.body is not None:
        assert asked.headers["Content-Type"] == "application/json"
        assert row.body.model_validate_json(asked.data).changes()


@every_row
def test_the_python_sample_makes_the_call_that_the_curl_line_makes(row: Row, ran: Any) -> None:
    asked = Curl(curl(row, row.method, ISSUER))
    operation = ran(python(row))

    assert (operation.method, f"/api{operation.path}") == (row.method, asked.url.path)
    assert dict(operation.query) == dict(parse_qsl(asked.url.query))
    assert (operation.body or {}) == (orjson.loads(asked.data) if asked.data else {})
    assert sent(operation) == {n: v for n, v in asked.parts.items() if n != "file"}


def sent(operation: Operation[Any]) -> Mapping[str, str]:
    """The fields that go with a file."""
    return operation.upload.fields if operation.upload else {}


@every_row
def test_the_sdk_has_an_operation_of_the_same_name(row: Row) -> None:
    """Names are the one thing that the server takes for granted about the SDK."""
    [name] = re.findall(r"operations\.(\w+)\(", python(row))

    assert name == row.run.__name__
    assert callable(getattr(operations, name))


def test_the_document_has_both_samples_and_who_may() -> None:
    described = document(ISSUER)["paths"]
    for row, method in EVERY:
        operation = described[f"/api{row.path}"][method.lower()]
        samples = {each["lang"]: each["source"] for each in operation["x-codeSamples"]}

        assert samples == {"Shell": curl(row, method, ISSUER), "Python": python(row)}
        assert operation.get("x-permission") == (row.permission and row.permission.name.lower())
        assert [name for name in ROLES if row.permission and allows({name}, row.permission)] == (
            operation.get("x-roles", [])
        )


def test_operations_have_names_that_stay() -> None:
    """Links, generated clients and samples are made of them: a change here breaks others."""
    names = [
        operation["operationId"]
        for methods in document(ISSUER)["paths"].values()
        for operation in methods.values()
    ]

    assert len(names) == len(set(names)) == len(EVERY)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert {"list_customers", "get_customer", "patch_customer"} <= set(names)


def test_whoever_belongs_may_is_told_apart_from_those_with_a_role() -> None:
    tenant = document(ISSUER)["paths"]["/api/v1/tenant"]["get"]

    assert tenant["x-permission"] == Permission.BELONG.name.lower()
    assert tenant["x-roles"] == list(ROLES)

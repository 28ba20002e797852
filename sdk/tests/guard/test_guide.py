"""The guide to the guard works as it is written: every block of it runs here."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx2
import pytest

from flextell_sdk.guard import Guard, MissingToken, Refusal
from sdk.tests.guard.issuer import AUDIENCE, ISSUER, Issuer

pytestmark = pytest.mark.anyio

GUIDE = Path(__file__).parents[2] / "docs" / "guard.md"


def block(heading: str) -> str:
    """The Python below a heading; without one, the first of the page."""
    section = GUIDE.read_text().partition(f"\n## {heading}\n" if heading else "\n")[2]
    code = re.search(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert code is not None
    return code[1]


def run(heading: str, **given: Any) -> dict[str, Any]:
    """The names that a block defines, given those of the blocks before."""
    names: dict[str, Any] = {"__name__": "guide", **given}
    exec(compile(block(heading), f"{GUIDE.name}: {heading}", "exec"), names)
    return names


def test_the_guard_is_made_as_the_guide_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_SECRET", "s3cret")

    guard = run("")["guard"]

    assert isinstance(guard, Guard)
    assert (guard.resource.issuer, guard.resource.audience) == (ISSUER, f"{ISSUER}/api")


@pytest.mark.parametrize("heading", ["FastAPI", "Starlette", "Any ASGI application, as a whole"])
async def test_an_application_of_the_guide_is_guarded(heading: str) -> None:
    issuer = Issuer()
    transport = httpx2.ASGITransport(run(heading, guard=issuer.guard())["app"])
    async with httpx2.AsyncClient(transport=transport, base_url=AUDIENCE) as client:
        refused = await client.get("/customers")
        headers = {"authorization": f"Bearer {issuer.token()}"}
        welcome = await client.get("/customers", headers=headers)

    assert refused.content == issuer.guard().answer(MissingToken()).body
    assert (welcome.status_code, welcome.json()) == (200, {"for": "alice"})


class Headers(dict[str, str]):
    """As Werkzeug and Django have them."""

    def getlist(self, name: str) -> list[str]:
        """Every value of a header."""
        return [self[name]] if name in self else []


def test_the_flask_view_of_the_guide_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as much of Flask as the guide uses."""
    request = SimpleNamespace(headers=Headers())
    flask = ModuleType("flask")
    flask.__dict__.update(
        request=request,
        g=SimpleNamespace(),
        Flask=lambda _: SimpleNamespace(get=lambda _: lambda view: view),
    )
    monkeypatch.setitem(sys.modules, "flask", flask)
    issuer = Issuer()
    view = run("Flask", guard=issuer.guard())["customers"]

    refused = view()
    request.headers["Authorization"] = f"Bearer {issuer.token()}"

    expected = issuer.guard().answer(MissingToken())
    assert refused == (expected.body, expected.status, list(expected.headers))
    assert view() == {"for": "alice"}


def test_the_django_view_of_the_guide_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as much of Django as the guide uses."""
    http = ModuleType("django.http")
    http.__dict__.update(
        HttpResponse=lambda body, status, headers: (body, status, headers), JsonResponse=dict
    )
    monkeypatch.setitem(sys.modules, "django", ModuleType("django"))
    monkeypatch.setitem(sys.modules, "django.http", http)
    issuer = Issuer()
    view = run("Django", guard=issuer.guard())["customers"]
    header = Headers(Authorization=f"Bearer {issuer.token()}")

    expected = issuer.guard().answer(MissingToken())
    answered = (expected.body, expected.status, dict(expected.headers))
    assert view(SimpleNamespace(headers=Headers())) == answered
    assert view(SimpleNamespace(headers=header)) == {"for": "alice"}


@pytest.mark.parametrize("module", ["", ".asgi"])
def test_the_guard_itself_needs_no_framework(module: str) -> None:
    code = f"import sys, flextell_sdk.guard{module}; print({{'starlette'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_the_guide_lists_every_refusal_with_its_status() -> None:
    rows = re.findall(r"\| (\d+) \| `(\w+)` \| `(\w+)` \|", GUIDE.read_text())

    assert {(int(status), error, name) for status, error, name in rows} == {
        (kind.status, kind.error, kind.__name__) for kind in Refusal.__subclasses__()
    }

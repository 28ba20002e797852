"""The guide to webhooks: its Python checks what we send, and signs what we take."""

import re
import time
from typing import Any

import pytest

from docs import generate
from flextell.tenants import webhooks
from flextell.tenants.inbound import receive
from flextell.tenants.webhooks import Secret

GUIDE = generate.DOCS / "guides" / "webhooks.md"
SECRET, OLD = Secret(b"c" * 32), Secret(b"o" * 32)
BODY = b'{"id":"1","address":"ada","message":"Is Monday free?"}'


@pytest.fixture
def example() -> dict[str, Any]:
    """What the guide's blocks of Python define."""
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL):
        exec(block, names)
    return names


def test_the_guide_takes_what_we_sign(example: dict[str, Any]) -> None:
    sent = webhooks.signed_headers([OLD, SECRET], "msg_1", int(time.time()), BODY)

    assert example["check"](SECRET.text, sent, BODY) == "msg_1"


@pytest.mark.parametrize(("age", "body"), [(0, BODY + b" "), (301, BODY), (-400, BODY)])
def test_the_guide_refuses_what_was_changed_or_is_old(
    example: dict[str, Any], age: int, body: bytes
) -> None:
    sent = webhooks.signed_headers([SECRET], "msg_1", int(time.time()) - age, BODY)
    with pytest.raises(ValueError, match=r"not from Flextell|too old"):
        example["check"](SECRET.text, sent, body)


def test_we_take_what_the_guide_signs(example: dict[str, Any]) -> None:
    headers = example["signed"](SECRET.text, "msg_1", 1_795_435_200, BODY)

    assert receive(headers, BODY, [SECRET], 1_795_435_200).message == "Is Monday free?"

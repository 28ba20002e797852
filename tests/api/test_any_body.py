"""Whatever JSON comes as a body, the answer is one that the API has (wire §c.6, §e 9)."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flextell.api.errors import STATUS
from flextell.api.routes import TABLE
from flextell.api.row import Row
from tests.api.changing import LINUS, SCOPE
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio

ROWS = [row for row in TABLE if row.body and {*row.scopes} & {*SCOPE.split()}]

GOOD = LINUS | {"content": "Likes tea.", "name": "Regular", "color": "#00ff00"}
# What is right in some field, and what is nearly right.
LIKELY = st.sampled_from(
    ["Linus", "linus@example.com", "1901-02-28", "male", "#00ff00", "1", 1, 2, [1], ["2"], None]
)
UNLIKELY = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "a\0b", "\ud800", " ", 2**63, -1, 1e300, [[]], [None], {"": 1}]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


def of_row(row: Row) -> st.SearchStrategy[tuple[Row, object]]:
    """The row and a good body of which a field or two is any; or a body that is anything."""
    assert row.body is not None
    names = st.sampled_from(sorted(row.body.model_fields))
    good = {name: GOOD[name] for name in row.body.model_fields if name in GOOD}
    fields = st.dictionaries(names, LIKELY | UNLIKELY | ANYTHING, min_size=1, max_size=2)
    return st.tuples(st.just(row), fields.map(lambda any_: good | any_) | ANYTHING)


@given(st.sampled_from(ROWS).flatmap(of_row))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
async def test_any_json_is_taken_or_refused(clinic: Clinic, sent: tuple[Row, object]) -> None:
    row, content = sent
    ids = {"id": clinic.ids.vip if row.path.startswith("/v1/tags") else clinic.ids.ada}
    answer = await clinic.client.request(
        row.method,
        "/api" + re.sub(r"\{(\w+)\}", lambda name: str(ids.get(name[1], 1)), row.path),
        headers={
            "authorization": f"Bearer {clinic.token(scope=SCOPE)}",
            "x-tenant": str(clinic.ids.bosphorus),
            "content-type": "application/json",
        },
        content=json.dumps(content).encode(),
    )

    assert answer.status_code in {row.status, 400, 404, 409, 422}, answer.text
    if answer.status_code != row.status:
        assert answer.json().keys() == {"error", "message"}
        assert STATUS[answer.json()["error"]] == answer.status_code

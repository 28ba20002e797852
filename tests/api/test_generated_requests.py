"""Whatever Schemathesis makes up from the OpenAPI document is answered as the document says.

No fault of ours, no status and no type that an operation does not name, no header that is missing,
no body outside its schema; and what breaks the document is refused, what keeps to it is not
(`allowances.py` lists where the wire wants it otherwise). `make fuzz` runs this for longer.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from anyio import from_thread, to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.stateful import APIStateMachine
from starlette.types import ASGIApp

from flextell.api.build import build_api
from flextell.api.routes import BLOCK, CONVERSATION, MESSAGE, NOTE, PREFIX, TABLE
from tests.api.allowances import judge
from tests.api.conftest import Clinic, running_clinic
from tests.api.furnished import House, furnish, of_path
from tests.api.made_up import NAMES, anything, near, operation, schema, sent, set_on_track

STATUS = {f"{method} {PREFIX}{row.path}": row.status for row in TABLE for method in row.methods}
LONGER = int(os.environ.get("FUZZ_EXAMPLES", "0"))
EXAMPLES = settings(
    max_examples=LONGER or 10,
    # The same requests every time, unless somebody looks for new ones.
    derandomize=not LONGER,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
WIDE = 10**9
# Where something is made for scenarios to begin with.
WITH_FIRST = (NOTE, MESSAGE, CONVERSATION, BLOCK)
every_operation = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A clinic with something in it, whose rate limit nobody meets."""
    folder = tmp_path_factory.mktemp("house")
    async for clinic in running_clinic(folder, api_requests_per_window=WIDE):
        yield await furnish(clinic)


async def in_thread(run: Callable[[], None]) -> None:
    """Run what Hypothesis drives, which waits for each answer, beside the node."""
    await to_thread.run_sync(run)


def bearer(token: str) -> dict[str, str]:
    """The header that a token comes in."""
    return {"Authorization": f"Bearer {token}"}


def app_of(clinic: Clinic) -> ASGIApp:
    """The API of a node."""
    return build_api(clinic.parts)


@pytest.mark.anyio
@every_operation
async def test_a_request_with_a_token_is_answered_as_documented(house: House, name: str) -> None:
    app, headers = app_of(house.clinic), bearer(house.token)
    places = await of_path(house, operation(name).path)
    seen: Counter[int] = Counter()

    @EXAMPLES
    @given(near(name, places, house.known))
    def each(case: Case[Any]) -> None:
        answer: Response = from_thread.run(sent, app, case, headers)
        seen[answer.status_code] += 1
        judge(case, answer)

    await in_thread(each)

    assert STATUS[name] in seen, f"nothing that was asked succeeded: {seen}"


@pytest.mark.anyio
@every_operation
async def test_a_request_without_a_good_token_is_refused_as_documented(
    house: House, name: str
) -> None:
    """RFC 6750 §3: nothing else is said of it, but where no path is like this."""
    app = app_of(house.clinic)
    expired = bearer(house.clinic.token(seconds=-1))
    nobodys = bearer(house.token[:-8] + "AAAAAAAA")

    @settings(EXAMPLES, max_examples=LONGER // 10 or 3)
    @given(anything(name))
    def each(case: Case[Any]) -> None:
        unknown = case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)
        for headers in ({}, expired, nobodys, {"Authorization": "Basic QWxpY2U6"}):
            case.headers.pop("Authorization", None)
            answer: Response = from_thread.run(sent, app, case, headers)
            judge(case, answer)
            assert answer.status_code in ({401, 404} if unknown else {401})

    await in_thread(each)


@pytest.mark.anyio
async def test_a_request_too_many_is_refused_as_documented_by_every_operation(
    tmp_path: Path,
) -> None:
    async for clinic in running_clinic(tmp_path, api_requests_per_window=1):
        headers = bearer(clinic.token())
        await sent(app_of(clinic), operation(NAMES[0]).Case(), headers)
        for name in NAMES:
            of = operation(name)
            case = of.Case(path_parameters={each.name: 1 for each in of.path_parameters})
            answer = await sent(app_of(clinic), case, headers)

            assert answer.status_code == 429
            judge(case, answer)


def test_what_one_request_made_others_find_change_and_no_longer_find(tmp_path: Path) -> None:
    """Steps that Schemathesis links by itself: an id in an answer goes into a path or a body."""
    followed: Counter[str] = Counter()
    steps = settings(EXAMPLES, max_examples=LONGER // 5 or 8, stateful_step_count=12)

    with start_blocking_portal() as portal:
        scenarios(portal, tmp_path, followed).run(settings=steps)

    assert len(followed) >= 5, followed


def scenarios(
    portal: BlockingPortal, folder: Path, followed: Counter[str]
) -> type[APIStateMachine]:
    """A machine that plays each scenario in a house of its own, so that it can be played again.

    Which operations with a path succeeded is counted.
    """
    machine: type[APIStateMachine] = schema().as_state_machine()
    houses = count()

    class Scenarios(machine):  # type: ignore[misc, valid-type]
        def setup(self) -> None:
            self.turns, self.open = count(), ExitStack()
            own = folder / str(next(houses))
            own.mkdir()
            running = asynccontextmanager(running_clinic)(own, api_requests_per_window=WIDE)
            clinic = self.open.enter_context(portal.wrap_async_context_manager(running))
            house = portal.call(furnish, clinic)
            for path in WITH_FIRST:
                portal.call(of_path, house, PREFIX + path)
            self.known = house.known
            self.ask = partial(sent, app_of(clinic), headers=bearer(house.token))

        def teardown(self) -> None:
            self.open.close()

        def before_call(self, case: Case[Any]) -> None:
            set_on_track(case, self.known, next(self.turns))

        def call(self, case: Case[Any], **_: object) -> Response:
            answer: Response = portal.call(self.ask, case)
            if case.path_parameters and answer.status_code < 300:
                followed[case.operation.label] += 1
            return answer

        def validate_response(self, response: Response, case: Case[Any], **_: object) -> None:
            judge(case, response, self.recorder)

    return Scenarios

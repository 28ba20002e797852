"""How forms and query strings are read (RFC 6749 §3.1, §3.2, appendix B)."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell.oauth import parameters
from flextell.oauth.errors import InvalidRequest, OAuthError
from flextell.oauth.parameters import LIMITS, Form, MalformedForm, parse_form
from tests.oauth.asked import check_fit_to_send, form

texts = st.text(st.characters(codec="utf-8"))
names = texts.filter(bool)


@given(st.binary(max_size=400))
@example(b"%")
@example(b"a=%zz")
@example(b"a=%C3%28")
@example(b"\xff=\xfe")
@example(b"=&=&&&")
@example(b"a=%00")
def test_arbitrary_bytes_are_a_form_or_malformed(data: bytes) -> None:
    try:
        read = parse_form(data)
    except MalformedForm as refusal:
        check_fit_to_send(refusal)
        return
    assert not read.repeated & read.values.keys()
    assert all(read.values.values())


@given(st.dictionaries(names, texts, max_size=20))
def test_what_urlencode_writes_is_read_back(sent: dict[str, str]) -> None:
    """RFC 6749 appendix B. Empty values count as omitted (§3.1)."""
    read = parse_form(urlencode(sent).encode("ascii"))
    assert read == Form({name: value for name, value in sent.items() if value})


@given(st.lists(st.tuples(names, texts), max_size=12))
def test_a_form_holds_what_another_reader_finds_exactly_once(pairs: list[tuple[str, str]]) -> None:
    data = urlencode(pairs)
    read = parse_form(data.encode("ascii"))
    others: dict[str, list[str]] = {}
    for name, value in parse_qsl(data, keep_blank_values=True):
        others.setdefault(name, []).append(value)
    assert read.repeated == {name for name, values in others.items() if len(values) > 1}
    assert read.values == {
        name: values[0] for name, values in others.items() if len(values) == 1 and values[0]
    }


@pytest.mark.parametrize(
    "query",
    ["state=a&state=b", "state=a&state=a", "state=&state=a", "state=a&%73tate=b", "state&state"],
)
def test_a_repeated_parameter_has_no_value_and_is_refused(query: str) -> None:
    """RFC 6749 §3.1: parameters MUST NOT be included more than once; escapes do not hide it."""
    read = parse_form(query.encode())
    assert read.values == {}
    with pytest.raises(InvalidRequest, match=r"^state was sent more than once\.$"):
        read.get("state")
    with pytest.raises(InvalidRequest, match=r"^state was sent more than once\.$"):
        read.refuse_repeated()


def test_an_unknown_parameter_is_ignored_unless_repeated() -> None:
    """RFC 6749 §3.1, §3.2: unrecognized parameters MUST be ignored."""
    read = parse_form(b"colour=blue&code=abc")
    read.refuse_repeated()
    assert read.get("code") == "abc"
    with pytest.raises(InvalidRequest):
        parse_form(b"colour=blue&colour=red").refuse_repeated()


def test_a_repeated_name_is_named_only_if_it_is_a_plain_word() -> None:
    with pytest.raises(InvalidRequest, match=r"^A parameter was sent more than once\.$"):
        parse_form(b"%3Cscript%3E=1&%3Cscript%3E=2").refuse_repeated()


def test_resource_may_be_sent_more_than_once() -> None:
    """RFC 8707 §2: multiple resource parameters may be used."""
    read = parse_form(b"resource=https://a.example&resource=https://b.example&code=abc")
    read.refuse_repeated()
    assert read.get("code") == "abc"


def test_a_parameter_without_a_value_counts_as_omitted() -> None:
    """RFC 6749 §3.1: parameters sent without a value MUST be treated as if they were omitted."""
    read = parse_form(b"scope=&state&code=abc")
    assert read.get("scope") is None
    assert read.get("state") is None
    with pytest.raises(InvalidRequest, match=r"^scope is missing\.$"):
        read.need("scope")


@pytest.mark.parametrize("name", [*LIMITS, "code_verifier"])
def test_a_value_is_accepted_up_to_its_limit_and_no_longer(name: str) -> None:
    limit = LIMITS.get(name, 1000)
    assert form(**{name: "a" * limit}).get(name) == "a" * limit
    with pytest.raises(InvalidRequest, match=rf"^{name} is too long\.$"):
        form(**{name: "a" * (limit + 1)}).get(name)


@pytest.mark.parametrize("bad", ["\x00", "\n", "\x1f", "\x7f", "\x85", "\x9f"])
def test_a_control_character_is_refused_without_echo(bad: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        form(state=f"se{bad}cret").get("state")
    assert refused.value.description == "state holds a control character."


@pytest.mark.parametrize("fine", ["Zoë", "日本", "a b", "\u00a0", "🙂"])
def test_other_text_is_kept_as_it_is(fine: str) -> None:
    """RFC 6749 appendix B: names and values are UTF-8."""
    assert form(state=fine).get("state") == fine


@pytest.mark.parametrize("data", [b"a=%", b"a=%2", b"a=%zz", b"%=a", b"a=%C3%28", b"a=\xff"])
def test_broken_escapes_and_bad_utf8_are_no_form(data: bytes) -> None:
    with pytest.raises(MalformedForm):
        parse_form(data)


def test_a_form_has_at_most_a_hundred_parameters() -> None:
    parse_form(b"&".join(b"a%d=1" % n for n in range(100)))
    with pytest.raises(MalformedForm):
        parse_form(b"&".join(b"a%d=1" % n for n in range(101)))


def test_a_code_exchange_is_read_whole() -> None:
    """RFC 6749 §4.1.3, RFC 7636 §4.5."""
    read = parameters.code_exchange(
        form(code="abc", redirect_uri="https://photos.example/callback", code_verifier="v")
    )
    assert read == parameters.CodeExchange("abc", "https://photos.example/callback", "v")


@pytest.mark.parametrize("missing", ["code", "redirect_uri"])
def test_a_code_exchange_without_a_required_parameter_is_refused(missing: str) -> None:
    """RFC 6749 §4.1.3 (REQUIRED), §5.2 invalid_request."""
    sent = {"code": "abc", "redirect_uri": "https://photos.example/callback"}
    del sent[missing]
    with pytest.raises(InvalidRequest, match=rf"^{missing} is missing\.$"):
        parameters.code_exchange(form(**sent))


def test_a_refresh_ignores_the_redirect_uri_that_an_app_sends_along() -> None:
    """RFC 6749 §6; the mobile apps send redirect_uri and scope with every refresh."""
    read = parameters.refresh(
        form(
            refresh_token="abc",
            scope="customers:read",
            redirect_uri="com.example.flextellcase://oauth-callback",
        )
    )
    assert read == parameters.Refresh("abc", "customers:read")


def test_a_refresh_needs_its_token() -> None:
    """RFC 6749 §6 (REQUIRED)."""
    with pytest.raises(InvalidRequest, match=r"^refresh_token is missing\.$"):
        parameters.refresh(form(scope="customers:read"))


def test_a_token_question_ignores_any_hint() -> None:
    """RFC 7009 §2.1: the server MAY ignore the hint. RFC 7662 §2.1: it is optional."""
    read = parameters.token_question(form(token="abc", token_type_hint="nonsense"))
    assert read == parameters.TokenQuestion("abc")
    with pytest.raises(InvalidRequest, match=r"^token is missing\.$"):
        parameters.token_question(form(token_type_hint="access_token"))


parameter_names = st.sampled_from(["code", "redirect_uri", "code_verifier", "token", "scope"])


@given(st.dictionaries(parameter_names, names), st.frozensets(parameter_names))
def test_typed_requests_raise_nothing_but_oauth_errors(
    values: dict[str, str], repeated: frozenset[str]
) -> None:
    """RFC 6749 §5.2: description is in %x20-21 / %x23-5B / %x5D-7E."""
    sent = Form({n: v for n, v in values.items() if n not in repeated}, repeated)
    for reader in (parameters.code_exchange, parameters.refresh, parameters.token_question):
        try:
            reader(sent)
        except OAuthError as refusal:
            check_fit_to_send(refusal)

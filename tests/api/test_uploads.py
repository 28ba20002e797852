"""Forms with files: the same however they come, refused where they are broken (RFC 7578)."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flextell.api.errors import ApiError
from flextell.api.incoming import ClientGone
from flextell.api.uploads import AROUND_BYTES, FIELD_BYTES, MOST_PARTS, Upload, receive_upload
from tests.api.forms import BOUNDARY, END, TYPE, Noted, coming, field, file, part

LIMIT = 1000

# What looks like the boundary, or like a part of it, among other bytes.
nearly = st.sampled_from(
    [b"\r\n--" + BOUNDARY[:-1], b"\r\n--", b"\r", b"\n", b"--", b"\r\n", b"-", BOUNDARY, b"\0"]
)
contents = st.lists(nearly | st.binary(max_size=20), max_size=8).map(b"".join)
# The end of a part's content and what follows could make a boundary.
harmless = contents.filter(lambda content: b"\r\n--" + BOUNDARY not in content + b"\r\n")


def received(body: bytes, chunks: list[bytes] | None = None, kind: bytes | None = TYPE) -> Upload:
    """What a form is taken for."""
    return asyncio.run(receive_upload(coming(chunks or [body], kind=kind), Noted(), LIMIT))


def cut(body: bytes, sizes: list[int]) -> list[bytes]:
    """The body in chunks of these sizes, again and again."""
    chunks, at, turn = [], 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)]
        chunks.append(body[at : at + size])
        at, turn = at + size, turn + 1
    return chunks


@given(
    content=harmless,
    texts=st.dictionaries(
        st.sampled_from(["type", "description", "a"]),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    ),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    before=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_a_form_is_the_same_in_whatever_chunks_it_comes(
    content: bytes, texts: dict[str, str], sizes: list[int], before: bool
) -> None:
    fields = b"".join(field(name, text.encode()) for name, text in texts.items())
    sent = file(content, "röntgen.png")
    body = (fields + sent if before else sent + fields) + END
    noted = Noted()

    upload = asyncio.run(receive_upload(coming(cut(body, sizes)), noted, LIMIT))

    assert noted.content == content
    assert upload.fields == texts
    assert upload.file.told_name == "röntgen.png"
    assert upload.file.head == content[:64]


@given(st.binary(max_size=400), st.lists(st.integers(1, 60), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_form_or_refused(body: bytes, sizes: list[int]) -> None:
    for whole in (body, b"--" + BOUNDARY + b"\r\n" + body, file(b"x") + body):
        with pytest.raises(ApiError) as refused:
            received(whole, cut(whole, sizes))
        assert refused.value.code in ("invalid_request", "validation_error")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "invalid_request", "must be a form"),
        (file(b"x"), "invalid_request", "must be a form"),
        (file(b"x") + END[:-4], "invalid_request", "must be a form"),
        (END, "invalid_request", "The field file is required."),
        (field("type", b"image") + END, "invalid_request", "The field file is required."),
        (file(b"", name="") + END, "invalid_request", "The field file is required."),
        (file(b"x", of="picture") + END, "invalid_request", "The field file is required."),
        (field("file", b"x") + END, "invalid_request", "The field file must be a file."),
        (file(b"x") + file(b"y") + END, "invalid_request", "The field file was sent more than"),
        (field("a", b"1") * 2 + file(b"x") + END, "invalid_request", "A field of the form was"),
        (field("a", b"\xff") + file(b"x") + END, "invalid_request", "must be UTF-8"),
        (field("a", b"x\0") + file(b"x") + END, "validation_error", "holds a NUL character"),
        (part("filename=x", b"x") + END, "invalid_request", "must be a form"),
        (file(b"", name="") * (MOST_PARTS + 1) + END, "invalid_request", "at most 32 parts"),
        (part('name="a"', b"", b"X: 1\r\n" * 20) + END, "invalid_request", "must be a form"),
        (part('name="a"', b"", b"X: %b\r\n" % (b"x" * 9000)), "invalid_request", "must be a form"),
        (field("a", b"x" * (FIELD_BYTES + 1)), "payload_too_large", "at most 65536 bytes"),
    ],
)
def test_a_broken_form_is_refused_in_a_sentence(body: bytes, code: str, message: str) -> None:
    with pytest.raises(ApiError, match=message) as refused:
        received(body)

    assert refused.value.code == code


@pytest.mark.parametrize("kind", [None, b"application/json", b"multipart/mixed; boundary=x", b""])
def test_another_content_type_is_refused(kind: bytes | None) -> None:
    with pytest.raises(ApiError, match="multipart/form-data") as refused:
        received(file(b"x") + END, kind=kind)

    assert refused.value.code == "unsupported_media_type"


@pytest.mark.parametrize("boundary", [b"", b"; boundary=", b"; boundary=" + b"x" * 300])
def test_a_form_needs_a_boundary(boundary: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        received(file(b"x") + END, kind=b"multipart/form-data" + boundary)

    assert refused.value.code == "invalid_request"


def test_what_nobody_asked_for_is_passed_over() -> None:
    body = field("colour", b"red") + file(b"x" * 99, of="thumb") + file(b"x") + END + b"epilogue"

    upload = received(body)

    assert upload.fields == {"colour": "red"}
    assert upload.file.told_name == "x-ray.png"


def test_a_file_may_be_as_large_as_the_limit_and_not_a_byte_larger() -> None:
    noted = Noted()
    asyncio.run(receive_upload(coming([file(b"x" * LIMIT) + END]), noted, LIMIT))
    with pytest.raises(ApiError) as refused:
        received(file(b"x" * (LIMIT + 1)) + END)

    assert noted.size == LIMIT
    assert refused.value.code == "payload_too_large"


def test_a_form_that_says_that_it_is_too_large_is_refused_before_it_is_read() -> None:
    incoming = coming([], length=LIMIT + AROUND_BYTES + 1)
    with pytest.raises(ApiError) as refused:
        asyncio.run(receive_upload(incoming, Noted(), LIMIT))

    assert refused.value.code == "payload_too_large"


def test_what_is_around_a_file_has_an_end_too() -> None:
    thumb = file(b"x" * 10_000, of="thumb")
    with pytest.raises(ApiError) as refused:
        received(b"", [thumb] * 30 + [END])

    assert refused.value.code == "payload_too_large"


def test_a_client_that_hangs_up_gets_no_answer() -> None:
    incoming = coming([file(b"x")], whole=False)
    with pytest.raises(ClientGone):
        asyncio.run(receive_upload(incoming, Noted(), LIMIT))


def test_a_large_file_is_never_whole_in_memory() -> None:
    noted, size = Noted(), 5 * 1024 * 1024
    body = file(b"x" * size) + END
    asyncio.run(receive_upload(coming(cut(body, [65_536])), noted, size))

    assert noted.size == size
    assert noted.largest < 400_000

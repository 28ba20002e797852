"""The sealed stream: it opens whole, under its passphrase, or not at all."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.backup import sealed_stream
from flextell.backup.sealed_stream import (
    CHUNK_BYTES,
    HEADER_BYTES,
    MAGIC,
    TAG_BYTES,
    VERSION,
    Argon2id,
    Damaged,
    SealedReader,
    SealedWriter,
    WrongPassphrase,
)

PASSPHRASE = "correct horse battery staple"
SALT = b"16 random bytes."
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES


@pytest.fixture(autouse=True)
def _cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = Argon2id(passes=1, memory_kib=8, lanes=1)
    monkeypatch.setattr(sealed_stream, "COSTS", dict.fromkeys(sealed_stream.COSTS, cheap))


def sealed(*parts: bytes, passphrase: str = PASSPHRASE, salt: bytes = SALT) -> bytes:
    file = io.BytesIO()
    writer = SealedWriter(file, passphrase, salt)
    for part in parts:
        writer.write(part)
    writer.end()
    return file.getvalue()


def opened(stream: bytes, passphrase: str = PASSPHRASE, at_once: int = CHUNK_BYTES) -> bytes:
    reader = SealedReader(io.BytesIO(stream), passphrase)
    return b"".join(iter(lambda: reader.read(at_once), b""))


def chunks(stream: bytes) -> tuple[bytes, list[bytes]]:
    body = stream[HEADER_BYTES:]
    return stream[:HEADER_BYTES], [
        body[n : n + SEALED_CHUNK] for n in range(0, len(body), SEALED_CHUNK)
    ]


THREE = b"a" * CHUNK_BYTES + b"b" * CHUNK_BYTES + b"the end"


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2_500_000]
)
def test_what_was_sealed_is_opened(size: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(plain[:size])) == plain[:size]


@given(st.lists(st.binary(max_size=300)), st.integers(1, 700))
def test_how_it_is_cut_on_the_way_in_and_out_does_not_matter(
    parts: list[bytes], at_once: int
) -> None:
    assert opened(sealed(*parts), at_once=at_once) == b"".join(parts)


def test_a_read_gives_as_much_as_was_asked_for_across_chunks() -> None:
    reader = SealedReader(io.BytesIO(sealed(THREE)), PASSPHRASE)
    assert reader.read(CHUNK_BYTES + 5) == THREE[: CHUNK_BYTES + 5]
    assert reader.read(2 * CHUNK_BYTES) == THREE[CHUNK_BYTES + 5 :]
    assert reader.read(1) == b""


@pytest.mark.parametrize("passphrase", ["", "Correct horse battery staple", PASSPHRASE + " "])
def test_another_passphrase_is_told_from_a_damaged_file(passphrase: str) -> None:
    with pytest.raises(WrongPassphrase, match="passphrase is wrong"):
        opened(sealed(THREE), passphrase)


def test_an_accent_may_be_typed_in_either_way() -> None:
    """RFC 8265 §4.2: one letter, or a letter and its accent."""
    assert opened(sealed(b"x", passphrase="Z\u00fcrich am See"), "Zu\u0308rich am See") == b"x"


def test_the_same_under_the_same_passphrase_looks_different_each_time() -> None:
    one, other = sealed(THREE), sealed(THREE, salt=b"16 other bytes!!")
    assert one[HEADER_BYTES:] != other[HEADER_BYTES:]
    assert not set(chunks(one)[1]) & set(chunks(other)[1])


def test_the_cost_of_a_guess_is_what_its_standard_recommends() -> None:
    """RFC 9106 §4: the second recommended option."""
    cost = sealed_stream.RFC_9106_LOW_MEMORY
    assert (cost.passes, cost.memory_kib, cost.lanes) == (3, 65536, 4)


Change = Callable[[bytes, list[bytes]], bytes]

CHANGES: dict[str, Change] = {
    "a chunk left out": lambda head, c: head + c[0] + c[2],
    "two chunks swapped": lambda head, c: head + c[1] + c[0] + c[2],
    "a chunk twice": lambda head, c: head + c[0] + c[0] + c[1] + c[2],
    "the first chunk gone": lambda head, c: head + c[1] + c[2],
    "the end gone": lambda head, c: head + c[0] + c[1],
    "the end cut": lambda head, c: head + c[0] + c[1] + c[2][:-1],
    "the end cut to less than its tag": lambda head, c: head + c[0] + c[1] + c[2][:5],
    "a chunk cut": lambda head, c: head + c[0][:-1] + c[1] + c[2],
    "the end twice": lambda head, c: head + c[0] + c[1] + c[2] + c[2],
    "something after the end": lambda head, c: head + c[0] + c[1] + c[2] + b"!",
    "nothing but a header": lambda head, c: head,
    "a chunk of another backup": lambda head, c: (
        head + chunks(sealed(THREE, salt=b"16 other bytes!!"))[1][0] + c[1] + c[2]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stream_that_was_changed_does_not_open(change: str) -> None:
    """STREAM (Hoang, Reyhanitabar, Rogaway, Vizar, 2015): order, number and end are proven."""
    with pytest.raises(Damaged):
        opened(CHANGES[change](*chunks(sealed(THREE))))


@pytest.mark.parametrize(
    "place",
    [
        *range(HEADER_BYTES),
        HEADER_BYTES,
        HEADER_BYTES + SEALED_CHUNK - 1,
        HEADER_BYTES + SEALED_CHUNK,
        -TAG_BYTES - 1,
        -1,
    ],
)
def test_no_bit_can_be_changed_anywhere(place: int) -> None:
    stream = bytearray(sealed(THREE))
    stream[place] ^= 1
    with pytest.raises((Damaged, WrongPassphrase)):
        opened(bytes(stream))


def test_what_is_no_backup_is_told_so() -> None:
    for stream in (b"", b"SQLite format 3\0" * 100, MAGIC):
        with pytest.raises(Damaged, match="not a backup"):
            opened(stream)


def test_a_backup_of_a_newer_program_is_told_so() -> None:
    stream = bytearray(sealed(b"x"))
    stream[len(MAGIC)] = VERSION + 1
    with pytest.raises(Damaged, match="newer program"):
        opened(bytes(stream))


def test_nothing_is_let_out_of_a_chunk_before_it_is_proven() -> None:
    stream = bytearray(sealed(THREE))
    stream[HEADER_BYTES + SEALED_CHUNK + 7] ^= 1
    reader = SealedReader(io.BytesIO(bytes(stream)), PASSPHRASE)
    assert reader.read(CHUNK_BYTES) == THREE[:CHUNK_BYTES]
    with pytest.raises(Damaged):
        reader.read(1)

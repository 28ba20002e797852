"""Names, sizes, types and addresses of files: what clients say is not believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants.file_addresses import FileAddresses, Opened
from flextell.tenants.file_types import TYPES, UNKNOWN, sniffed
from flextell.tenants.files import (
    MAXIMUM_NAME_CHARACTERS,
    NAMELESS,
    FileFilters,
    FileQuery,
    clean_name,
    formatted_size,
    query,
)
from flextell.tenants.paging import After, ForeignCursor, Window
from tests.world import NOON

ADDRESSES = FileAddresses(b"k" * 32, "https://localhost:8443", 300)
LONG = "x" * 300


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("x-ray.png", "x-ray.png"),
        ("röntgen görüntüsü.png", "röntgen görüntüsü.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\x-ray.png", "x-ray.png"),
        ("/", NAMELESS),
        ("..", NAMELESS),
        ("", NAMELESS),
        ("  a b .", "a b"),
        ("a\r\nSet-Cookie: b.png", "aSet-Cookie: b.png"),
        ("a\0b.png", "ab.png"),
        # What a person would read as `photo_exe.png`.
        ("photo_\u202egnp.exe", "photo_gnp.exe"),
        (f"{LONG}.png", "x" * 251 + ".png"),
        (LONG, "x" * 255),
        (f"a.{LONG}", "a." + "x" * 253),
    ],
)
def test_a_name_is_what_can_be_seen_of_the_last_part_of_a_path(told: str, name: str) -> None:
    assert clean_name(told) == name


@given(st.text())
def test_whatever_a_file_is_called_its_name_is_harmless(told: str) -> None:
    name = clean_name(told)

    assert 0 < len(name) <= MAXIMUM_NAME_CHARACTERS
    assert not {"/", "\\", "\0", "\r", "\n"} & set(name)
    assert name.encode()
    assert name not in (".", "..")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KB"),
        (50 * 1024**2, "50.0 MB"),
        (3 * 1024**4, "3072.0 GB"),
    ],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert formatted_size(size) == text


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\x10\0\0\0AVI LIST", UNKNOWN),
        (b"\0\0\0\x20ftypM4A \0\0", "audio/mp4"),
        (b"\0\0\0\x20ftypheic\0\0", "image/heic"),
        (b"\0\0\0\x20ftypwhat\0\0", UNKNOWN),
        (b"\x1a\x45\xdf\xa3\x01\0\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x01\0\x42\x82\x88matroska", UNKNOWN),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"ID3\x04", "audio/mpeg"),
        (b"PK\x03\x04\x14\0", "application/zip"),
        (b"<!doctype html><script>", UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", UNKNOWN),
        (b"<?xml version='1.0'?>", UNKNOWN),
        (b"\xef\xbb\xbf<html>", UNKNOWN),
        (b"MZ\x90\0", UNKNOWN),
        (b"hello", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_a_type_is_told_from_the_first_bytes(head: bytes, kind: str) -> None:
    assert sniffed(head) == kind


def test_no_type_is_one_that_a_browser_runs() -> None:
    runs = ("text/", "javascript", "xml", "svg", "html", "json")

    assert not [kind for kind in TYPES if any(word in kind for word in runs)]


def test_an_address_opens_its_file_for_five_to_six_minutes() -> None:
    token = ADDRESSES.of(7, 9, NOON + 30).rpartition("/")[2]
    end = NOON + 360

    assert ADDRESSES.read(token, NOON + 30) == Opened(7, 9, end)
    assert ADDRESSES.read(token, end - 1) == Opened(7, 9, end)
    assert ADDRESSES.read(token, end) is None


def test_the_address_of_a_file_stays_the_same_for_a_minute() -> None:
    assert len({ADDRESSES.of(7, 9, NOON + second) for second in range(60)}) == 1
    assert ADDRESSES.of(7, 9, NOON + 60) != ADDRESSES.of(7, 9, NOON + 59)


def test_no_bit_of_an_address_can_be_changed() -> None:
    token = ADDRESSES.of(7, 9, NOON).rpartition("/")[2]
    for at, letter in enumerate(token[:-1]):
        other = "A" if letter != "A" else "B"
        assert ADDRESSES.read(token[:at] + other + token[at + 1 :], NOON) is None


@given(st.text())
def test_what_we_did_not_make_opens_nothing(token: str) -> None:
    assert ADDRESSES.read(token, NOON) is None


def test_an_address_of_another_key_opens_nothing() -> None:
    other = FileAddresses(b"o" * 32, ADDRESSES.issuer, 300)
    token = other.of(7, 9, NOON).rpartition("/")[2]

    assert ADDRESSES.read(token, NOON) is None
    assert "kkkk" not in repr(ADDRESSES)


def test_the_newest_files_come_first_unless_another_order_is_asked_for() -> None:
    assert query(FileFilters(), None, None, Window()) == FileQuery(FileFilters())
    assert query(FileFilters(), "size", None, Window()).order == "asc"
    assert query(FileFilters(), None, "asc", Window()).order == "asc"


def test_a_cursor_of_another_order_is_refused() -> None:
    window = Window(20, None, After("x-ray.png", 7))

    assert query(FileFilters(), "name", None, window).window == window
    with pytest.raises(ForeignCursor):
        query(FileFilters(), "size", None, window)

"""What a channel may be, and which of its secrets are good."""

import pytest

from flextell.tenants.channels import (
    OVERLAP_SECONDS,
    ChannelWish,
    InvalidChannel,
    SealedSecret,
    checked,
    replaced,
    sealed_now,
)

NOON = 1_795_435_200
WISH = ChannelWish("website", " Web chat ", "clinic.example")


def test_a_channel_is_named_without_the_spaces_around() -> None:
    assert checked(WISH).name == "Web chat"


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        (ChannelWish("pigeon", "Pigeons", "loft"), "type"),
        (ChannelWish("website", " ", "clinic.example"), "name"),
        (ChannelWish("website", "a" * 81, "clinic.example"), "name"),
        (ChannelWish("website", "a\nb", "clinic.example"), "name"),
        (ChannelWish("website", "Web", ""), "address"),
        (ChannelWish("website", "Web", "a" * 256), "address"),
    ],
)
def test_what_cannot_be_a_channel_is_refused_by_name(wish: ChannelWish, named: str) -> None:
    with pytest.raises(InvalidChannel, match=f"The {named} must"):
        checked(wish)


def test_a_new_secret_leaves_the_old_one_a_day() -> None:
    secrets = replaced(SealedSecret(b"one"), b"two", NOON)

    assert sealed_now(secrets, NOON + OVERLAP_SECONDS - 1) == (b"two", b"one")
    assert sealed_now(secrets, NOON + OVERLAP_SECONDS) == (b"two",)


def test_the_secret_before_the_last_one_is_void_at_once() -> None:
    secrets = replaced(replaced(SealedSecret(b"one"), b"two", NOON), b"three", NOON)

    assert sealed_now(secrets, NOON) == (b"three", b"two")


def test_the_first_secret_is_alone_and_before_it_there_is_none() -> None:
    assert sealed_now(replaced(None, b"one", NOON), NOON) == (b"one",)
    assert sealed_now(None, NOON) == ()

"""Which addresses are public: what is inside a network is not, however it is written."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell.public_addresses import all_public, is_public, parsed

INSIDE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1",
    "239.255.255.250", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1", "2001:db8::1",
    "3fff::1", "5f00::1", "fec0::1", "100::1",
]  # fmt: skip
OUTSIDE = [
    *("1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.0", "198.20.0.0", "223.255.255.255"),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1"),
]
_IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)
_IPV6 = st.integers(0, 2**128 - 1).map(IPv6Address)
# Half of all are drawn from where it matters.
_GLOBAL_UNICAST = st.integers(2**125, 2**126 - 1).map(IPv6Address)


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_inside_some_network_is_not_public(text: str) -> None:
    assert not is_public(parsed(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert is_public(parsed(text))


@given(_IPV4 | _IPV6 | _GLOBAL_UNICAST)
@example(ip_address("192.0.0.9"))
def test_nothing_is_public_that_the_standard_library_holds_for_inside(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(address):
        assert address.is_global
        inside = ("private", "multicast", "reserved", "loopback", "link_local", "unspecified")
        assert [kind for kind in inside if getattr(address, f"is_{kind}")] == []


@given(_IPV4)
def test_no_ipv4_address_is_public_inside_an_ipv6_address(address: IPv4Address) -> None:
    """What looks like the internet may be translated to an address inside on its way."""
    number = int(address)
    mapped = IPv6Address(0xFFFF << 32 | number)
    compatible = IPv6Address(number)
    nat64 = IPv6Address((0x64_FF9B << 96) | number)
    six_to_four = IPv6Address((0x2002 << 112) | (number << 80))
    teredo = IPv6Address((0x2001_0000 << 96) | (number ^ 0xFFFFFFFF))

    assert not any(map(is_public, (mapped, compatible, nat64, six_to_four, teredo)))


@given(st.sampled_from(["10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"]), st.data())
def test_a_private_network_is_private_from_its_first_address_to_its_last(
    network: str, data: st.DataObject
) -> None:
    whole = IPv4Network(network)
    inside = data.draw(st.integers(int(whole[0]), int(whole[-1])).map(IPv4Address))

    assert not is_public(inside)
    assert is_public(whole[-1] + 1)


@given(st.integers(0, 2**121 - 1))
def test_unique_local_addresses_are_inside(number: int) -> None:
    assert not is_public(IPv6Address(int(IPv6Network("fc00::/7")[0]) + number))


def test_a_name_with_one_address_inside_is_not_public_and_neither_is_one_with_none() -> None:
    outside, inside = parsed("8.8.8.8"), parsed("10.0.0.1")

    assert all_public([outside])
    assert not all_public([outside, inside])
    assert not all_public([])

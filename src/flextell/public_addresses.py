"""Which addresses are somewhere on the public internet, and not inside a network (RFC 6890).

A table of our own, after the IANA registries of special-purpose addresses: what the standard
library counts as global has changed between versions of Python, and includes multicast.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_IPV4 = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # shared by the customers of a carrier
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local, and the metadata of most clouds
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
)
# All that is public lies in here. So loopback, link-local, unique local, multicast, IPv4-mapped and
# NAT64 (64:ff9b::/96, 64:ff9b:1::/48) are outside without being named.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_IPV6 = (
    "2001::/23",  # protocol assignments; Teredo, which holds an IPv4 address
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4, which holds an IPv4 address
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
)
_IPV4 = tuple(IPv4Network(text) for text in _NOT_PUBLIC_IPV4)
_IPV6 = tuple(IPv6Network(text) for text in _NOT_PUBLIC_IPV6)


def parsed(text: str) -> Address:
    """An address as a resolver writes it; a scope such as `%eth0` stays. Raises ValueError."""
    return ip_address(text)


def is_public(address: Address) -> bool:
    """Whether a packet to this address leaves for the internet, as far as can be told from it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _IPV4)
    if address.scope_id is not None or address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in _IPV6)


def all_public(addresses: Sequence[Address]) -> bool:
    """Whether there are any, and each is public: one of them inside, and the name is not."""
    return bool(addresses) and all(is_public(address) for address in addresses)

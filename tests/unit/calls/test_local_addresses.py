"""Which addresses are this machine's or a private network's, and which of them may be reached."""

from __future__ import annotations

import pytest

from helm_boundary.calls.local_addresses import LocalPlaceError, Reach, is_local, read_reach

LOCAL = [
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "::1", "::"),  # noqa: S104 - looked at, not listened on
    *("10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1"),
    *("fe80::1", "fe80::1%lo", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("64:ff9b::10.0.0.1", "2002:7f00:1::", "2002:c0a8:101::1"),
]


@pytest.mark.parametrize("address", LOCAL)
def test_a_local_address_is_local(address: str) -> None:
    """In every range that isn't everybody's, and where IPv6 has such an address inside."""
    assert is_local(address)
    assert Reach(everything=False).forbids(address, 80)
    assert not Reach().forbids(address, 80)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "104.18.7.192", "2606:4700::1111", "64:ff9b::1.1.1.1", "2002:101:101::"]
)
def test_an_address_of_the_internet_is_reached(address: str) -> None:
    """Confined or not."""
    assert not is_local(address)
    assert not Reach(everything=False).forbids(address, 443)


def test_what_is_named_is_reached_by_its_port_alone() -> None:
    """By name or by address."""
    reach = read_reach(["localhost:11434", "10.0.0.7:8080", "[::1]:9"])
    for address, port in (("127.0.0.1", 11434), ("10.0.0.7", 8080), ("::1", 9)):
        assert not reach.forbids(address, port)
        assert reach.forbids(address, port + 1)
    assert reach.forbids("127.0.0.2", 11434)


def test_any_and_none_stand_alone() -> None:
    """Everything, as without a boundary, or nothing."""
    assert read_reach(["any"]) == Reach()
    assert read_reach(["none"]) == Reach(everything=False)


@pytest.mark.parametrize(
    "values",
    [
        *(["any", "a:1"], ["none", "none"], ["any", "none"]),
        *(["localhost"], [":80"], ["localhost:"], ["localhost:0"], ["localhost:99999"]),
        *(["http://localhost:80"], ["localhost:80/x"], ["*.local:80"], ["a:1,b:2"], ["::1"], [""]),
        ["no-such-host.invalid:80"],
    ],
)
def test_what_is_no_place_is_refused(values: list[str]) -> None:
    """With what was expected: it would allow nothing, or something else."""
    with pytest.raises(LocalPlaceError):
        read_reach(values)

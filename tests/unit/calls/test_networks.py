"""Networks that an operator names."""

from __future__ import annotations

import pytest

from helm_boundary.calls.networks import NOWHERE, NetworkError, Networks

SOME = Networks.read(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("fd12::1", True),
        ("fd12::1%eth0", True),
        ("fe80::1%eth0", False),
        ("a name", False),
        ("", False),
    ],
)
def test_an_address_is_in_the_networks_or_not(address: str, is_in: bool) -> None:
    """Whichever way it is written."""
    assert (address in SOME) is is_in
    assert address not in NOWHERE


@pytest.mark.parametrize("text", ["10.0.0.1/8", "balancer", "", "10.0.0.0/33", "*"])
def test_what_is_no_network_is_refused(text: str) -> None:
    """Host bits too: one might have meant the host alone."""
    with pytest.raises(NetworkError, match=r"expected a network such as 10\.0\.0\.0/8"):
        Networks.read([text])

"""Which addresses lie outside: every range that is not for everybody is known by name, and the edges are where they
should be (SEC-46)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from bot.networks import inside, read_networks

pytestmark = pytest.mark.feature("SEC-46")

REFUSED = (
    *("0.1.2.3", "127.0.0.1", "127.255.255.255", "::", "::1"),
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255"),
    *("169.254.169.254", "169.254.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    *("192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.255", "192.88.99.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "4000::1", "::2"),
    *("2001:db8::1", "3fff::1", "2001::1", "2001:10::1", "2001:1ff::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:808:808::1"),
)
OPEN = (
    *("8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"),
    *("100.63.255.255", "100.128.0.0", "169.253.255.255", "169.255.0.0", "198.17.255.255", "198.20.0.0"),
    *("223.255.255.255", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "2003::1"),
)


@pytest.mark.parametrize("written", REFUSED)
def test_no_way_into_a_network_that_is_not_for_everybody(written: str) -> None:
    assert inside(ip_address(written))


@pytest.mark.parametrize("written", OPEN)
def test_the_internet_is_open(written: str) -> None:
    assert not inside(ip_address(written))


def test_the_operator_opens_one_network_and_no_more() -> None:
    allowed = read_networks("10.20.0.0/16, fd12:3456::/32")
    assert not inside(ip_address("10.20.3.4"), allowed)
    assert not inside(ip_address("fd12:3456::9"), allowed)
    assert inside(ip_address("10.21.0.1"), allowed)
    assert inside(ip_address("::ffff:10.20.3.4"), allowed)
    assert inside(ip_address("127.0.0.1"), allowed)


def test_nothing_written_is_nothing_opened() -> None:
    assert read_networks("") == ()
    assert read_networks(" , ") == ()
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/64"):
        read_networks("10.0.0.0/64")

"""Hosts and addresses: the row "http" of the bad-input matrix and the port list of surface 5, by table."""

from __future__ import annotations

import shlex

import pytest

from llmspell_tools.errors import InvalidParameters, PermissionDenied
from llmspell_tools.policy import Policy
from llmspell_tools.policy_network import REFUSED_PORTS, carried_address, classify, parse_address, plain_host

PUBLIC = "93.184.216.34"


def with_net(*rules, deny=()):
    return Policy.from_json({"ceiling": "privileged", "allow": {"net": list(rules)}, "deny": {"net": list(deny)}})


def allowed(policy, host, port=443, addresses=(), tool="t"):
    try:
        policy.check_net(host, port, tool, addresses)
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0X7F.0.0.0x1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("0x", "0.0.0.0"),
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.65535", "1.2.255.255"),
        ("256.1.1.1", None),
        ("1.2.3.256", None),
        ("4294967296", None),
        ("08.1.1.1", None),
        ("1.2.3.4.5", None),
        ("1..2", None),
        ("0x7g.1", None),
        ("0x_7f.1", None),
        ("1_0.0.0.1", None),
        ("-1", None),
        ("example.com", None),
        ("", None),
        ("::1", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("::ffff:127.0.0.1", "::ffff:7f00:1"),
        ("g::1", None),
    ],
)
def test_addresses_are_read_in_every_spelling(text, plain):
    address = parse_address(text)

    assert (None if address is None else str(address)) in (plain, "::ffff:127.0.0.1" if plain else None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("93.184.216.34", "public"), ("8.8.8.8", "public"), ("1.1.1.1", "public"), ("172.15.0.1", "public"),
        ("172.32.0.1", "public"), ("100.128.0.1", "public"), ("11.0.0.1", "public"),
        ("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"), ("10.0.0.1", "private"),
        ("172.16.0.1", "private"), ("172.31.255.255", "private"), ("192.168.1.1", "private"),
        ("100.64.0.1", "private"), ("198.18.0.1", "private"), ("169.254.1.1", "link-local"),
        ("169.254.169.254", "metadata"), ("100.100.100.200", "metadata"), ("168.63.129.16", "metadata"),
        ("0.0.0.0", "unspecified"), ("0.1.2.3", "unspecified"), ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"), ("240.0.0.1", "reserved"), ("192.0.2.1", "reserved"),
        ("2606:2800:220:1::1", "public"), ("::1", "loopback"), ("::", "unspecified"), ("fe80::1", "link-local"),
        ("fc00::1", "private"), ("fd12::1", "private"), ("fec0::1", "private"), ("ff02::1", "multicast"),
        ("fd00:ec2::254", "metadata"), ("2001:db8::1", "reserved"), ("100::1", "reserved"), ("4000::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"), ("::ffff:169.254.169.254", "metadata"), ("::ffff:8.8.8.8", "public"),
        ("::127.0.0.1", "loopback"), ("64:ff9b::7f00:1", "loopback"), ("64:ff9b::8.8.8.8", "public"),
        ("64:ff9b:1::7f00:1", "reserved"), ("2002:7f00:1::", "loopback"), ("2002:a9fe:a9fe::1", "metadata"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"),
    ],
)  # fmt: skip
def test_addresses_are_classified_by_the_registries(text, kind):
    assert classify(parse_address(text)) == kind


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "[::1]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]",
     "169.254.169.254", "metadata.google.internal", "METADATA.GOOGLE.INTERNAL", "metadata.google.internal.",
     "0.0.0.0", "0", "localhost", "localhost.", "LOCALHOST", "foo.localhost", "printer.local", "db.internal",
     "10.0.0.1", "192.168.0.1", "[fe80::1%eth0]", "[fe80::1%25eth0]", "127.1",
     "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
     "127\u30020\u30020\u30021"],
)  # fmt: skip
def test_public_does_not_cover_private_hosts_in_any_spelling(host):
    assert not allowed(with_net("public"), host)


def test_public_covers_public_names_and_addresses():
    policy = with_net("public")

    assert allowed(policy, "example.com")
    assert allowed(policy, "example.com.", addresses=[PUBLIC, "2606:2800:220:1::1"])
    assert allowed(policy, PUBLIC, 80)
    assert allowed(policy, "bücher.example")


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254", "fe80::1%2"])
def test_one_private_answer_refuses_the_name(private):
    policy = with_net("public")

    assert not allowed(policy, "rebind.example", addresses=[private])
    assert not allowed(policy, "rebind.example", addresses=[PUBLIC, private])


@pytest.mark.parametrize("port", sorted(REFUSED_PORTS))
def test_public_leaves_out_service_ports_and_an_exact_rule_has_them(port):
    assert not allowed(with_net("public"), "example.com", port, [PUBLIC])
    assert allowed(with_net("public", f"example.com:{port}"), "example.com", port, [PUBLIC])


RULES = [
    # rule, host, port, addresses, allowed
    ("*", "127.0.0.1", 22, (), True),
    ("loopback", "127.0.0.1", 22, (), True),
    ("loopback", "localhost", 80, (), True),
    ("loopback", "localhost", 80, ("127.0.0.1", "::1"), True),
    ("loopback", "localhost", 80, ("127.0.0.1", "10.0.0.1"), False),
    ("loopback", "example.com", 80, (), False),
    ("loopback", "example.com", 80, ("127.0.0.1",), True),
    ("loopback", "8.8.8.8", 80, (), False),
    ("example.com", "example.com", 80, (PUBLIC,), True),
    ("example.com", "EXAMPLE.com.", 80, (PUBLIC,), True),
    ("example.com", "www.example.com", 80, (PUBLIC,), False),
    ("example.com", "example.com.evil.org", 80, (PUBLIC,), False),
    ("example.com:80", "example.com", 81, (PUBLIC,), False),
    ("intranet", "intranet", 80, ("10.0.0.1",), True),
    ("intranet", "intranet", 80, ("169.254.169.254",), False),
    ("intranet", "intranet", 80, ("127.0.0.1",), True),
    ("*.example.com", "a.example.com", 80, (PUBLIC,), True),
    ("*.example.com", "a.b.example.com", 80, (PUBLIC,), True),
    ("*.example.com", "example.com", 80, (PUBLIC,), False),
    ("*.example.com", "evilexample.com", 80, (PUBLIC,), False),
    ("*.example.com", "a.example.com", 80, ("10.0.0.1",), False),
    ("*.example.com:80", "a.example.com", 443, (PUBLIC,), False),
    ("10.0.0.0/8", "10.1.2.3", 80, (), True),
    ("10.0.0.0/8", "x.example", 80, ("10.1.2.3",), True),
    ("10.0.0.0/8", "11.0.0.1", 80, (), False),
    ("10.0.0.0/8", "x.example", 80, (), True),
    ("10.0.0.1", "10.0.0.1", 80, (), True),
    ("10.0.0.1", "167772161", 80, (), True),
    ("10.0.0.1:80", "10.0.0.1", 81, (), False),
    ("10.0.0.1", "x.example", 80, ("10.0.0.1",), True),
    ("[::1]:80", "[::1]", 80, (), True),
    ("[::1]:80", "[::1]", 81, (), False),
    ("::1", "[0:0:0:0:0:0:0:1]", 81, (), True),
    ("169.254.169.254", "x.example", 80, ("169.254.169.254",), True),
    ("fd00::/8", "[fd12::1]", 80, (), True),
]


@pytest.mark.parametrize(("rule", "host", "port", "addresses", "wanted"), RULES)
def test_rules_cover_what_they_say(rule, host, port, addresses, wanted):
    assert allowed(with_net(rule), host, port, addresses) == wanted


@pytest.mark.parametrize(
    ("rule", "host", "port", "addresses"),
    [
        ("example.com", "example.com", 80, ()),
        ("example.com", "EXAMPLE.COM.", 443, (PUBLIC,)),
        ("*.example.com", "a.example.com", 80, ()),
        ("10.0.0.0/8", "10.0.0.1", 80, ()),
        ("10.0.0.0/8", "x.example", 80, ("10.0.0.1",)),
        ("10.0.0.0/8", "x.example", 80, ("::ffff:10.0.0.1",)),
        ("127.0.0.1", "0x7f.1", 80, ()),
        ("127.0.0.1", "[::ffff:127.0.0.1]", 80, ()),
        ("loopback", "localhost", 80, ("127.0.0.1",)),
        ("loopback", "2130706433", 80, ()),
        ("public", "example.com", 80, (PUBLIC,)),
        ("example.com:80", "example.com", 80, ()),
        ("*", "example.com", 80, ()),
    ],
)
def test_deny_rules_win_in_every_spelling(rule, host, port, addresses):
    assert allowed(with_net("*"), host, port, addresses)
    assert not allowed(with_net("*", deny=[rule]), host, port, addresses)


@pytest.mark.parametrize(
    ("host", "port", "addresses"),
    [
        ("localhost", 8080, ()),
        ("intranet", 80, ("10.0.0.1",)),
        ("127.0.0.1", 22, ()),
        ("0x7f.1", 80, ()),
        ("[::1]", 80, ()),
        ("metadata.google.internal", 80, ()),
        ("rebind.example", 80, ("169.254.169.254",)),
        ("example.com", 25, (PUBLIC,)),
        ("bücher.local", 80, ()),
    ],
)
def test_the_flag_that_a_refusal_names_allows_the_host(host, port, addresses):
    policy = with_net("public")
    with pytest.raises(PermissionDenied) as caught:
        policy.check_net(host, port, "t", addresses)

    _, value = shlex.split(caught.value.details["flag"])

    assert allowed(policy.with_rules(allow={"net": [value]}, origin="flag"), host, port, addresses)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "..",
        "a b",
        "a\r\nHost: x",
        "user@host",
        "http://x",
        "x/y",
        "a\\@b",
        "a..b",
        ".a",
        "x" * 254,
        "a\0b",
        "#",
    ],
)
def test_what_is_no_host_is_a_caller_error(host):
    with pytest.raises(InvalidParameters):
        with_net("*").check_net(host, 80, "t")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_a_caller_error(port):
    with pytest.raises(InvalidParameters):
        with_net("*").check_net("example.com", port, "t")


def test_service_checker_reaches_this_machine_only():
    policy = Policy.default()

    assert allowed(policy, "localhost", 22, ["127.0.0.1"], tool="service-checker")
    assert not allowed(policy, "example.com", 80, [PUBLIC], tool="service-checker")
    assert not allowed(policy, "localhost", 80, ["127.0.0.1"], tool="http-requester")
    assert allowed(policy, "example.com", 80, [PUBLIC], tool="http-requester")
    flagged = policy.with_rules(allow={"net": ["example.com"]}, origin="command line")
    assert allowed(flagged, "example.com", 80, [PUBLIC], tool="service-checker")


def test_hosts_are_brought_to_one_form():
    assert plain_host("Example.COM.") == "example.com"
    assert plain_host("bücher.example") == "xn--bcher-kva.example"
    assert plain_host("[::1]") == "::1"
    assert carried_address(parse_address("8.8.8.8")) is None

# SPDX-License-Identifier: MIT
"""Scripts of conformance.py beside TCP: ARP (RFC 826, 5227), Neighbor Discovery (RFC 4861, 4862), ICMP (RFC 792, 4443), UDP (RFC 768, 8200 8.1), fragments."""
import socket
import struct
import time

from packet import checksum, ip_bytes, ip_packet, pseudo, udp_bytes
from scripts import only, script, settle
from scripts_hostile import piece

PORT = 7020
ALL_NODES = b"\x33\x33\0\0\0\x01"


# -- ARP --------------------------------------------------------------------------------------------------------------------

def arp(d, operation, sender, target, mac=None, change=None):
    mac = mac or d.host.mac
    body = bytearray(struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, mac, ip_bytes(sender), b"\0" * 6, ip_bytes(target)))
    for at, value in (change or {}).items():
        body[at] = value
    d.host.transmit(b"\xff" * 6, 0x0806, bytes(body))


def arp_reply(d, seconds=0.3):
    """(sender, target) of the next reply."""
    def wanted(kind, body):
        if kind != 0x0806 or body[6:8] != b"\0\x02":
            return None
        return tuple(socket.inet_ntoa(body[at:at + 4]) for at in (14, 24))
    return d.host.watch(wanted, seconds)


@script
@only(4)
def arp_answers(d, _):
    """RFC 826; RFC 5227 2.1: a request for its address is answered, also a probe, which has no sender; one for another's is not."""
    while arp_reply(d):     # what the driver asked before
        pass
    for sender, target, reply in ((d.us, d.them, (d.them, d.us)), ("0.0.0.0", d.them, (d.them, "0.0.0.0")), (d.us, "10.9.0.77", None)):
        arp(d, 1, sender, target)
        got = arp_reply(d, 3 if reply else 0.3)
        assert got == reply, (sender, target, got)


@script
@only(4)
def arp_malformed(d, _):
    """Other hardware, protocols, lengths, operations: no answer."""
    for change in ({0: 9}, {2: 9}, {4: 8}, {5: 6}, {7: 9}):
        arp(d, 1, d.us, d.them, change=change)
    d.host.transmit(b"\xff" * 6, 0x0806, b"\0\x01\x08\0\x06\x04\0\x01" + b"\0" * 8)
    got = arp_reply(d)
    assert got is None, got


@script
@only(4)
def arp_conflict(d, _):
    """RFC 5227 2.4: somebody else claims its address: it goes on using it, and answers with its own."""
    arp(d, 1, d.them, d.them, mac=b"\x02\0\0\0\0\x99")
    arp(d, 2, d.them, d.us, mac=b"\x02\0\0\0\0\x99")
    settle()
    arp(d, 1, d.us, d.them)
    assert arp_reply(d, 3) == (d.them, d.us)
    assert echo(d, b"still here") == b"still here"


def where4(d):
    """The Ethernet address that its datagrams to us go to."""
    d.send_udp(5001, PORT, b"where")
    found = d.host.watch(lambda kind, body: body if kind == 0x0800 and body[9] == 17 else None, 3)
    assert found, "no answer"
    return found.to


@script
@only(4)
def arp_takeover(d, connection):
    """A reply that nobody asked for, to it or to another, does not take over the entry of a neighbour that is there. (Linux believes it after its lock time.)"""
    other = b"\x02\0\0\0\0\x42"
    arp(d, 1, d.us, d.them)
    assert where4(d) == d.host.mac, "it does not know us"
    # Had another try of this been late, our entry came back by a replacement, which is confirmed only by what is
    # acknowledged a second after it.
    d.host.watch(lambda kind, body: None, 1.2)
    # What is acknowledged (here with the second segment) confirms the entry; without that it is only known, and may be replaced.
    c = connection(d).open()
    for _ in range(2):
        c.send(b"confirmed")
        assert c.take(9) == b"confirmed", "no echo"
    c.reset()
    claims = ((2, d.us, d.them),) * 3 + ((2, d.us, "10.9.0.77"), (1, d.us, "10.9.0.77"))
    for operation, sender, target in d.differs(samara=claims + ((2, d.us, d.us), (1, d.us, d.us), (1, d.us, d.them)), linux=()):
        arp(d, operation, sender, target, mac=other)
        assert where4(d) == d.host.mac, (operation, sender, target)
    d.host.watch(lambda kind, body: None, 1.5)  # answers its questions meanwhile
    assert where4(d) == d.host.mac, "the takeover came later"
    assert echo(d, b"still here") == b"still here"


# -- Neighbor Discovery -----------------------------------------------------------------------------------------------------------

def nd(d, body, src=None, dst=None, hops=255, mac=None):
    """An ICMPv6 message, with its checksum."""
    src, dst = src or d.us, dst or d.them
    total = checksum(pseudo(ip_bytes(src), ip_bytes(dst), 58, len(body)) + body)
    packet = ip_packet(src, dst, 58, body[:2] + struct.pack(">H", total) + body[4:], ttl=hops)
    d.host.transmit(mac or d.host.macs[d.them], 0x86dd, packet)


def solicit(d, option=b"\x01\x01\x02\0\0\0\0\x01", target=None, code=0):
    return struct.pack(">BBHI", 135, code, 0, 0) + ip_bytes(target or d.them) + option


def advertisement(d, seconds=0.3):
    """(flags, target, destination, has its link-layer address) of the next neighbour advertisement."""
    def wanted(kind, body):
        if kind != 0x86dd or body[6] != 58 or len(body) < 64 or body[40] != 136:
            return None
        return body[44] & 0xe0, socket.inet_ntop(socket.AF_INET6, body[48:64]), socket.inet_ntop(socket.AF_INET6, body[24:40]), body[64:66] == b"\x02\x01", body[7]
    return d.host.watch(wanted, seconds)


@script
@only(6)
def nd_answers(d, _):
    """RFC 4861 7.2.4: to the asker, solicited, with hop limit 255; a unicast question may come without the asker's address."""
    node = "ff02::1:ff00:2"
    for option, dst, mac in ((b"\x01\x01" + d.host.mac, node, b"\x33\x33\xff\0\0\x02"), (b"\x01\x01" + d.host.mac, None, None), (b"", None, None)):
        nd(d, solicit(d, option), dst=dst, mac=mac)
        found = advertisement(d, 3)
        assert found and found[0] & 0x40 and found[1:3] == (d.them, d.us) and found[4] == 255, (option, dst, found)


@script
@only(6)
def nd_defends(d, _):
    """RFC 4862 5.4.3, RFC 4861 7.2.4: to who tries its address, from ::, it says to all that it has it."""
    nd(d, solicit(d, b""), src="::", dst="ff02::1:ff00:2", mac=b"\x33\x33\xff\0\0\x02")
    found = advertisement(d, 3)
    assert found and found[1:4] == (d.them, "ff02::1", True) and not found[0] & 0x40, found


@script
@only(6)
def nd_malformed(d, _):
    """RFC 4861 7.1.1: hop limit below 255, a code, an option of length 0 or too long, a group as target, from :: with an address or not to its group."""
    nd(d, solicit(d), hops=254)
    nd(d, solicit(d, code=1))
    nd(d, solicit(d, b"\x01\0" + d.host.mac))
    nd(d, solicit(d, b"\x01\x04" + d.host.mac))
    nd(d, solicit(d, target="ff02::1:ff00:2"))
    nd(d, solicit(d, target="fd09::77"))
    nd(d, solicit(d)[:20])
    nd(d, solicit(d), src="::", dst="ff02::1:ff00:2", mac=b"\x33\x33\xff\0\0\x02")
    nd(d, solicit(d, b""), src="::")
    found = advertisement(d, 0.4)
    assert found is None, found


@script
@only(6)
def nd_conflict(d, _):
    """RFC 4862 5.4.4: an advertisement of its own address by another does not take it away."""
    nd(d, struct.pack(">BBHI", 136, 0, 0, 0x20000000) + ip_bytes(d.them) + b"\x02\x01\x02\0\0\0\0\x99", dst="ff02::1", mac=ALL_NODES)
    settle()
    assert echo(d, b"still here") == b"still here"


def where(d):
    """The Ethernet address that its datagrams to us go to."""
    d.send_udp(5001, PORT, b"where")
    found = d.host.watch(lambda kind, body: body if kind == 0x86dd and body[6] == 17 else None, 3)
    assert found, "no answer"
    return found.to


@script
@only(6)
def nd_override(d, _):
    """RFC 4861 7.2.5: without the override flag what is known stays; with it, it changes; redirects by who is no router do nothing (8.1)."""
    other = b"\x02\0\0\0\0\x42"
    assert where(d) == d.host.mac
    nd(d, struct.pack(">BBHI", 136, 0, 0, 0) + ip_bytes(d.us) + b"\x02\x01" + other)
    nd(d, struct.pack(">BBHI", 136, 0, 0, 0x20000000) + ip_bytes(d.us) + b"\x02\x01" + other, hops=64)
    nd(d, struct.pack(">BBHI", 137, 0, 0, 0) + ip_bytes(d.us) + ip_bytes(d.us) + b"\x02\x01" + other, src="fe80::99")
    settle()
    assert where(d) == d.host.mac
    nd(d, struct.pack(">BBHI", 136, 0, 0, 0x20000000) + ip_bytes(d.us) + b"\x02\x01" + other)
    settle()
    got = where(d)
    nd(d, struct.pack(">BBHI", 136, 0, 0, 0x20000000) + ip_bytes(d.us) + b"\x02\x01" + d.host.mac)
    settle()
    assert got == other and where(d) == d.host.mac, got


# -- ping -------------------------------------------------------------------------------------------------------------------------

def ping(d, data, seconds=2.0, wrong=0):
    """The answer's data; None: none."""
    kind, answer = (8, 0) if d.family == 4 else (128, 129)
    body = struct.pack(">BBHHH", kind, 0, 0, 77, 5) + data
    front = pseudo(ip_bytes(d.us), ip_bytes(d.them), 58, len(body)) if d.family == 6 else b""
    body = body[:2] + struct.pack(">H", checksum(front + body) ^ wrong) + body[4:]
    proto = 58 if d.family == 6 else 1
    d.send_packet(ip_packet(d.us, d.them, proto, body))

    def wanted(got, payload):
        if got != proto or payload[0] != answer or payload[4:8] != body[4:8]:
            return None
        return payload[8:]
    return d.receive(wanted, seconds)


@script
def pings(d, _):
    """RFC 1122 3.2.2.6, RFC 4443 4.2: the data comes back; not when the checksum is wrong."""
    assert ping(d, b"") == b""
    assert ping(d, bytes(range(256)) * 4) == bytes(range(256)) * 4
    assert ping(d, b"wrong", 0.3, wrong=1) is None


# -- UDP --------------------------------------------------------------------------------------------------------------------------

def echo(d, data, seconds=2.0):
    port = d.next_port()
    d.send_udp(port, PORT, data)
    return d.datagram(port, seconds)


@script
def udp_checksums(d, _):
    """RFC 768: a wrong one drops the datagram, none at all is allowed with IPv4 only (RFC 8200 8.1)."""
    assert echo(d, b"right") == b"right"
    port = d.next_port()
    whole = udp_bytes(d.us, d.them, port, PORT, b"data")
    d.send_packet(ip_packet(d.us, d.them, 17, whole[:6] + bytes((whole[6] ^ 1, whole[7])) + whole[8:]))
    assert d.datagram(port, 0.3) is None
    d.send_packet(ip_packet(d.us, d.them, 17, whole[:6] + b"\0\0" + whole[8:]))
    assert d.datagram(port, 2 if d.family == 4 else 0.3) == (b"data" if d.family == 4 else None)


@script
def udp_lengths(d, _):
    """A length below 8 or beyond the packet drops it; a shorter one cuts it."""
    port = d.next_port()
    # Linux takes 0 over IPv6 for a jumbogram (RFC 2675), also without its option.
    for length in (7, 13, 65535) if d.differs(samara=False, linux=d.family == 6) else (0, 7, 13, 65535):
        head = struct.pack(">HHHH", port, PORT, length, 0)
        body = head + b"data"
        total = checksum(pseudo(ip_bytes(d.us), ip_bytes(d.them), 17, len(body)) + body)
        d.send_packet(ip_packet(d.us, d.them, 17, body[:6] + struct.pack(">H", total) + body[8:]))
    assert d.datagram(port, 0.3) is None
    d.send_packet(ip_packet(d.us, d.them, 17, udp_bytes(d.us, d.them, port, PORT, b"da") + b"ta"))
    assert d.datagram(port, 2) == b"da"


@script
def udp_closed_port(d, _):
    """RFC 1122 4.1.3.1: the answer is port unreachable, which quotes the datagram; never for a group or a broadcast (3.2.2)."""
    kind, proto = ((3, 3), 1) if d.family == 4 else ((1, 4), 58)
    port = d.next_port()
    sent = udp_bytes(d.us, d.them, port, 9, b"nobody")
    d.send_packet(ip_packet(d.us, d.them, 17, sent))

    def wanted(got, payload):
        return payload if got == proto and tuple(payload[:2]) == kind else None
    found = d.receive(wanted, 2)
    assert found and sent[:8] in found, found
    groups = (("10.9.0.255", b"\xff" * 6), ("224.0.0.1", b"\x01\0\x5e\0\0\x01")) if d.family == 4 else (("ff02::1", ALL_NODES),)
    for group, mac in groups:
        d.host.transmit(mac, 0x86dd if d.family == 6 else 0x0800, ip_packet(d.us, group, 17, udp_bytes(d.us, group, port, 9, b"nobody")))
    assert d.receive(wanted, 0.3) is None


def errors(d, kind):
    """What a connected socket of theirs is told when its datagram is answered with this ICMP error; kind: its first 8 bytes."""
    port, target = d.next_port(), d.next_port()
    d.send_udp(port, PORT, b"E %d" % target)

    def wanted(proto, payload):
        return payload if proto == 17 and payload[2:4] == target.to_bytes(2, "big") else None
    found = d.receive(wanted, 3)
    assert found, "no datagram came"
    settle()
    d.send_icmp(kind + ip_packet(d.them, d.us, 17, bytes(found[:8])))
    return d.datagram(port, 3)


@script
def udp_errors(d, _):
    """RFC 1122 4.1.3.3: ICMP errors reach the socket, but, as on Linux, not those that may pass: unreachable hosts and nets, source quench."""
    if d.family == 4:
        kinds = ((3, 3, b"111"), (3, 2, b"92"), (3, 13, b"113"), (3, 1, b"11"), (4, 0, b"11"))
    else:
        kinds = ((1, 4, b"111"), (1, 0, b"11"), (1, 1, b"13"))
    for kind, code, error in kinds:
        got = errors(d, struct.pack(">BBHI", kind, code, 0, 0))
        assert got == error, (kind, code, got)


@script
def udp_in_fragments(d, _):
    """In, in two pieces in either order; out, as many as it takes."""
    port = d.next_port()
    whole = udp_bytes(d.us, d.them, port, PORT, b"S 3000".ljust(2000))
    pieces = [piece(d, 99, 0, True, whole[:1200], 17), piece(d, 99, 1200, False, whole[1200:], 17)]
    for order in ((0, 1), (1, 0)):
        for index in order:
            d.send_packet(pieces[index])
        assert gathered(d, 3008) == 3008


def gathered(d, size):
    """Bytes of UDP that come in fragments, up to `size`; all of them small enough."""
    total = 0
    while total < size:
        def wanted(proto, payload):
            if d.family == 6:
                return len(payload) - 8 if proto == 44 else None
            return len(payload) if proto == 17 else None
        got = d.receive(wanted, 2)
        assert got, f"{total} of {size} bytes came"
        assert got <= 1480, got
        total += got
    return total


@script
def udp_path_mtu(d, _):
    """RFC 1191, 8201: after packet too big a datagram that went out whole goes in pieces of at most that. (To an address of its own: it is remembered.)"""
    port = d.next_port()

    def ask():
        d.send_packet(ip_packet(d.also_us, d.them, 17, udp_bytes(d.also_us, d.them, port, PORT, b"S 1400")))

    def wanted(proto, payload):
        return len(payload) if proto in (17, 44) else None
    ask()
    whole = d.receive(wanted, 3)
    assert whole == 1408, whole
    kind = struct.pack(">BBHHH", 3, 4, 0, 0, 1290) if d.family == 4 else struct.pack(">BBHI", 2, 0, 0, 1290)
    d.send_icmp(kind + ip_packet(d.them, d.also_us, 17, struct.pack(">HHHH", PORT, port, 1408, 0)))
    settle()
    ask()
    first, second = d.receive(wanted, 2), d.receive(wanted, 2)
    limit = 1290 - (20 if d.family == 4 else 40)
    assert first and second and first <= limit and second <= limit, (first, second)

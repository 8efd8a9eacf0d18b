# SPDX-License-Identifier: MIT
"""Scripts of conformance.py: packets that claim to come from where no host is (RFC 1122 3.2.1.3, RFC 4291 2.5, 2.7; "LAND"), and answers that could feed themselves."""
import struct
import time

from packet import ACK, FIN, PSH, RST, SYN, checksum, ip_bytes, options, pseudo, tcp_bytes, udp_bytes
from scripts import script, settle
from scripts_hostile import count_answers, ip4, ip6
from scripts_state import time_wait

ALL = b"\xff" * 6


def echo_request(d, src, dst):
    body = struct.pack(">BBHHH", 8 if d.family == 4 else 128, 0, 0, 1, 1) + b"x" * 8
    total = checksum(body if d.family == 4 else pseudo(ip_bytes(src), ip_bytes(dst), 58, len(body)) + body)
    return body[:2] + struct.pack(">H", total) + body[4:]


def send(d, src, dst, proto, body, mac=None):
    packet = ip4(d, body, src=src, dst=dst, proto=proto) if d.family == 4 else ip6(d, body, proto, src=src, dst=dst)
    d.host.transmit(mac or d.host.macs[d.them], 0x0800 if d.family == 4 else 0x86dd, packet)


def is_for_port(kind, body, port):
    """False for a TCP segment to another port: what another script's connection says late is no answer to this one."""
    proto, at = (body[9], (body[0] & 15) * 4) if kind == 0x0800 else (body[6], 40)
    return proto != 6 or port is None or int.from_bytes(body[at + 2:at + 4], "big") == port


def answers(d, seconds=0.15, port=None):
    """The protocols of the IP packets that come, whoever they are for (of TCP to that port, if one is named); ND and group membership left out."""
    found = []

    def look(kind, body):
        if kind in (0x0800, 0x86dd) and not is_for_port(kind, body, port):
            return
        if kind == 0x0800 and body[9] != 2:
            found.append(body[9])
        elif kind == 0x86dd and body[6] and not (body[6] == 58 and body[40] in (133, 135, 136, 143)):
            found.append(body[6])
    d.host.watch(look, seconds)
    return found


def probe(d, src, dst=None, mac=None, port=7001):
    """Echo request, datagram to a closed port, SYN, segment for nobody: what is answered?"""
    dst, sport = dst or d.them, d.next_port()
    send(d, src, dst, 1 if d.family == 4 else 58, echo_request(d, src, dst), mac)
    send(d, src, dst, 17, udp_bytes(src, dst, sport, 999, b"abcd"), mac)
    for flags, to in ((SYN, port), (SYN, 999), (ACK, port), (PSH | ACK, 998)):
        send(d, src, dst, 6, tcp_bytes(src, dst, sport, to, 1, 1 if flags & ACK else 0, flags, 1000, options(mss=1460) if flags == SYN else b""), mac)
    found = answers(d, port=sport)
    send(d, src, dst, 6, tcp_bytes(src, dst, sport, port, 2, 0, RST, 0))     # or the SYN-ACK would be repeated
    return found


def is_well(d, connection, seconds=0.1):
    """A new connection is answered within the time. The best of three tries, as the host may be busy."""
    best = 9.0
    for _ in range(3):
        start = time.monotonic()
        c = connection(d).open()
        c.send(b"alive")
        assert c.take(5) == b"alive"
        best = min(best, time.monotonic() - start)
        c.reset()
        if best < seconds:
            return
    raise AssertionError(f"answered after {best:.3f} s only")


@script
def martian_sources(d, connection):
    """What comes from an address of its own, of a group, of everybody, of nobody: not answered, by nothing."""
    assert sorted(set(probe(d, d.us))) == ([1, 6] if d.family == 4 else [6, 58])
    # Linux believes the subnet's broadcast address unless rp_filter is set.
    broadcast = d.differs(samara=("10.9.0.255",), linux=())
    sources = {4: (d.them, "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "224.0.0.5", "239.1.1.1", "255.255.255.255") + broadcast,
               6: (d.them, "::1", "::", "ff02::1", "ff05::5", "::ffff:10.9.0.1", "::ffff:10.9.0.2")}
    for src in sources[d.family]:
        found = probe(d, src)
        assert not found, (src, found)
    is_well(d, connection)


@script
def martian_destinations(d, connection):
    """TCP is between two hosts: nothing to a group, to everybody, or in a frame to everybody is answered; no ICMP error either."""
    destinations = {4: ("10.9.0.255", "255.255.255.255", "224.0.0.1", "127.0.0.1"), 6: ("ff02::1", "::1")}
    for dst in destinations[d.family]:
        found = [proto for proto in probe(d, d.us, dst, ALL) if d.family == 4 or proto != 58]
        assert not found, (dst, found)
    found = [proto for proto in probe(d, d.us, d.them, ALL) if proto == 6]
    assert not found, found
    is_well(d, connection)


@script
def land(d, connection):
    """A segment from an address and port to itself: it must not talk to itself without end. All flags, open and closed ports, also a connection's own."""
    c = connection(d).open()
    for port in (7001, 7002, 7005, 999):
        for flags in (SYN, SYN | ACK, ACK, RST, FIN | ACK, PSH | ACK, 0, 63):
            for _ in range(3):
                send(d, d.them, d.them, 6, tcp_bytes(d.them, d.them, port, port, 1000, 0, flags, 1000, data=b"x" if flags & PSH else b""))
    for port, other in ((7001, 7002), (7002, 7001), (c.port, c.sport), (c.sport, c.port)):
        for flags in (SYN, SYN | ACK):
            send(d, d.them, d.them, 6, tcp_bytes(d.them, d.them, port, other, 1000, 0, flags, 1000))
    assert not answers(d)
    is_well(d, connection)
    assert c.is_open()
    c.reset()


def repeat(c, flags, count=100, **more):
    for index in range(count):
        c.raw(flags, **more)
        if index % 50 == 49:
            settle()


@script
def repeated_syns_are_limited(d, connection):
    """RFC 5961 7 and Linux's tcp_invalid_ratelimit: 100 SYNs again are not answered by 100 SYN-ACKs; the first is."""
    c = connection(d).half_open()
    c.raw(SYN, seq=0, option=c.syn_options)
    c.expect(SYN | ACK, seconds=1)
    repeat(c, SYN, seq=0, option=c.syn_options)
    nr = count_answers(c)
    assert nr <= 3, nr
    repeat(c, SYN, seq=-77, option=c.syn_options)
    nr = count_answers(c)
    assert nr <= 3, nr
    c.raw(ACK)
    assert c.is_open()
    c.reset()


@script
def syns_in_time_wait_are_limited(d, connection):
    """Old SYNs that may not open it again are answered a few times, not each."""
    c = time_wait(d, connection)
    repeat(c, SYN, seq=c.seq - 1000)
    nr = count_answers(c)
    assert nr <= 3, nr
    repeat(c, ACK, seq=c.seq - 1000)
    nr = count_answers(c)
    assert nr <= 3, nr

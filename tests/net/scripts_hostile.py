# SPDX-License-Identifier: MIT
"""Scripts of conformance.py: packets that are wrong, forged, in pieces, or far too many (RFC 5961, 5722, 5927, 8201, 4987)."""
import random
import struct
import time

from packet import ACK, PSH, RST, SYN, checksum, ip_bytes, ip_packet, options, pseudo, tcp_bytes
from scripts import active, burst, last, script, settle
from scripts_state import wait_for


def text(c, data, flags=ACK | PSH):
    """The segment that comes next, as bytes; c goes on."""
    d = c.driver
    segment = tcp_bytes(d.us, d.them, c.sport, c.port, c.iss + c.seq, c.irs + c.ack, flags, c.window, b"", data)
    c.seq += len(data)
    return segment


def ip4(d, payload, ident=0, fragment=0, option=b"", src=None, dst=None, proto=6):
    """An IPv4 packet with everything that packet.py leaves out. fragment: the field with its flags."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45 + len(option) // 4, 0, 20 + len(option) + len(payload), ident, fragment, 64, proto, 0, ip_bytes(src or d.us),
                       ip_bytes(dst or d.them)) + option
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ip6(d, payload, following, src=None, dst=None):
    """An IPv6 packet whose first header behind the fixed one has this number."""
    return struct.pack(">IHBB", 0x60000000, len(payload), following, 64) + ip_bytes(src or d.us) + ip_bytes(dst or d.them) + payload


def piece(d, ident, offset, more, payload, proto=6):
    """A fragment."""
    if d.family == 4:
        return ip4(d, payload, ident & 0xffff, offset // 8 | (0x2000 if more else 0), proto=proto)
    return ip6(d, struct.pack(">BBHI", proto, 0, offset | more, ident) + payload, 44)


# -- packets ----------------------------------------------------------------------------------------------------------------

@script
def checksum_wrong(d, connection):
    """3.1: a segment whose checksum is wrong is dropped in silence."""
    c = connection(d).open()
    segment = text(c, b"bad")
    c.seq -= 3
    d.send_packet(ip_packet(d.us, d.them, 6, segment[:16] + bytes((segment[16] ^ 1, segment[17])) + segment[18:]))
    d.send_packet(ip_packet(d.us, d.them, 6, segment[:-1] + b"X"))
    if d.family == 4:   # that of the IP header
        whole = ip_packet(d.us, d.them, 6, segment)
        d.send_packet(whole[:10] + bytes((whole[10] ^ 1, whole[11])) + whole[12:])
    c.silent(0.3)
    assert c.is_open()
    c.reset()


@script
def header_wrong(d, connection):
    """A data offset below 5 or behind the end, a segment cut short, lengths that do not fit: dropped in silence."""
    c = connection(d).open()
    segment = text(c, b"four")
    c.seq -= 4

    def summed(data):
        total = checksum(pseudo(ip_bytes(d.us), ip_bytes(d.them), 6, len(data)) + data[:16] + b"\0\0" + data[18:])
        return data[:16] + struct.pack(">H", total) + data[18:]
    for wrong in (summed(segment[:12] + b"\x40" + segment[13:]), summed(segment[:12] + b"\xf0" + segment[13:]), segment[:19], segment[:8], b""):
        d.send_packet(ip_packet(d.us, d.them, 6, wrong))
    whole = ip_packet(d.us, d.them, 6, segment)
    if d.family == 4:
        for at, value in ((0, 0x44), (0, 0x65), (0, 0x4f), (3, 0xff)):
            head = bytearray(whole[:20])
            head[at] = value
            head[10:12] = b"\0\0"
            head[10:12] = struct.pack(">H", checksum(bytes(head)))
            d.send_packet(bytes(head) + whole[20:])
    else:
        d.send_packet(whole[:4] + b"\xff\xff" + whole[6:])
        d.send_packet(b"\x40" + whole[1:])
    c.silent(0.3)
    assert c.is_open()
    c.reset()


@script
def reserved_bits(d, connection):
    """3.1: the reserved bits are ignored."""
    c = connection(d).open()
    segment = bytearray(text(c, b"bits"))
    segment[12] |= 0x0e
    segment[16:18] = b"\0\0"
    segment[16:18] = struct.pack(">H", checksum(pseudo(ip_bytes(d.us), ip_bytes(d.them), 6, len(segment)) + bytes(segment)))
    d.send_packet(ip_packet(d.us, d.them, 6, bytes(segment)))
    assert c.take(4) == b"bits"
    c.reset()


@script
def padding_behind_packet(d, connection):
    """RFC 894: what an Ethernet frame has behind the IP packet is not part of it."""
    c = connection(d).open()
    d.send_packet(ip_packet(d.us, d.them, 6, text(c, b"pad")) + b"\xee" * 30)
    assert c.take(3) == b"pad"
    c.reset()


@script
def wrong_destination(d, connection):
    """RFC 1122 3.2.1.3, 4.2.3.10: a SYN to or from a group, a broadcast, nobody, or itself, is not answered."""
    pairs = {4: ((d.us, "224.0.0.1"), (d.us, "10.9.0.255"), (d.us, "255.255.255.255"), (d.us, "127.0.0.1"), (d.them, d.them), ("127.0.0.1", d.them),
                 ("224.0.0.5", d.them), ("10.9.0.255", d.them), ("255.255.255.255", d.them)),
             6: ((d.us, "ff02::1"), (d.us, "::1"), (d.them, d.them), ("::1", d.them), ("ff02::5", d.them), ("::", d.them), ("::ffff:10.9.0.1", d.them))}
    for src, dst in pairs[d.family]:
        c = connection(d)
        segment = tcp_bytes(src, dst, c.sport, 7001, 1, 0, SYN, 65535, c.syn_options)
        d.send_packet(ip4(d, segment, src=src, dst=dst) if d.family == 4 else ip6(d, segment, 6, src=src, dst=dst))
        found = c.get(0.05)
        assert found is None, (src, dst, found)
    c = connection(d).open()
    assert c.is_open()
    c.reset()


@script
def in_fragments(d, connection):
    """RFC 791, 8200 4.5: a segment in pieces, in any order."""
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        c = connection(d).open()
        segment = text(c, b"f" * 60 + b"end!")
        ident = random.randrange(1 << 32)
        pieces = [piece(d, ident, at, at + 32 < len(segment), segment[at:at + 32]) for at in range(0, len(segment), 32)]
        for index in order:
            d.send_packet(pieces[index])
        assert c.take(64) == b"f" * 60 + b"end!"
        c.reset()


@script
def overlapping_fragments(d, connection):
    """RFC 5722: with an overlap the whole datagram is dropped, also for IPv4; an exact repeat of a piece is no harm there."""
    c = connection(d).open()
    segment = text(c, b"o" * 60)
    ident = random.randrange(1 << 32)
    d.send_packet(piece(d, ident, 0, True, segment[:48]))
    d.send_packet(piece(d, ident, 40, True, b"XXXXXXXX" + segment[48:56]))
    d.send_packet(piece(d, ident, 48, False, segment[48:]))
    c.silent(0.3)
    c.seq -= 60
    assert c.is_open()
    c.reset()


@script
def odd_fragments(d, connection):
    """Pieces of odd length in the middle, one behind the end, one that would reach beyond 65,535: dropped, and the rest goes on."""
    c = connection(d).open()
    segment = text(c, b"o" * 60)
    # Linux cuts the first of an IPv4 packet to a multiple of eight and takes it.
    odd = ((0, True, segment[:43]), (40, False, segment[40:])) if d.differs(samara=True, linux=d.family == 6) else ()
    for parts in (odd,
                  ((0, True, segment[:40]), (40, False, segment[40:72]), (72, False, segment[72:])),
                  ((0, True, segment[:40]), (65528, False, segment[40:]))):
        ident = random.randrange(1 << 32)
        for offset, more, payload in parts:
            d.send_packet(piece(d, ident, offset, more, payload))
    c.silent(0.3)
    c.seq -= 60
    assert c.is_open()
    c.reset()


@script
@last(1)
def fragments_without_end(d, connection):
    """2,000 datagrams of which only the first piece comes: memory is bounded, and a whole one still passes."""
    for ident in range(2000):
        d.send_packet(piece(d, ident, 0, True, b"\0" * 1400))
        if ident % 50 == 49:
            d.host.poll(0)
    c = connection(d).open()
    assert c.is_open()
    segment = text(c, b"whole".ljust(60))
    d.send_packet(piece(d, 77777, 0, True, segment[:40]))
    d.send_packet(piece(d, 77777, 40, False, segment[40:]))
    if d.differs(samara=True, linux=False):
        assert c.take(60) == b"whole".ljust(60)
    c.reset()


@script
def internet_options(d, connection):
    """RFC 791 3.1, RFC 8200 4: options and extension headers in front of the segment are passed over."""
    c = connection(d).open()
    if d.family == 4:
        packets = [ip4(d, text(c, b"a"), option=b"\x01\x01\x01\x00"),
                   ip4(d, text(c, b"b"), option=b"\x07\x07\x04\0\0\0\0\0"),           # record route
                   ip4(d, text(c, b"c"), option=b"\x94\x04\0\0")]                     # router alert
    else:
        pad = b"\x01\x04\0\0\0\0"
        packets = [ip6(d, b"\x06\0" + pad + text(c, b"a"), 0),                        # hop by hop
                   ip6(d, b"\x06\0" + pad + text(c, b"b"), 60),                       # destination
                   ip6(d, b"\x3c\0" + pad + b"\x06\0" + b"\x1e\x04\1\2\3\4" + text(c, b"c"), 0)]    # both; an option to be skipped
    for packet in packets:
        d.send_packet(packet)
    assert c.take(3) == b"abc"
    c.reset()


@script
def refused_options(d, connection):
    """RFC 7126, RFC 8200 4.2, 4.4, RFC 5095: source routes and options that forbid it are not passed over."""
    c = connection(d).open()
    if d.family == 4:
        wrong = [ip4(d, text(c, b"x"), option=b"\x83\x07\x04" + ip_bytes(d.us) + b"\0"), ip4(d, text(c, b"x"), option=b"\x89\x07\x04" + ip_bytes(d.us) + b"\0"),
                 ip4(d, text(c, b"x"), option=b"\x07\x0b\x04\0\0\0\0\0")]             # longer than the header
    else:
        wrong = [ip6(d, b"\x06\0" + b"\x5e\x04\0\0\0\0" + text(c, b"x"), 60),         # 01: discard
                 ip6(d, b"\x06\x02\0\x01" + b"\0" * 4 + ip_bytes(d.us) + text(c, b"x"), 43),     # routing header 0
                 ip6(d, b"\x3b\0\x01\x04\0\0\0\0" + text(c, b"x"), 60)]               # no next header
    for packet in wrong:
        d.send_packet(packet)
    c.silent(0.3)
    c.seq = 1
    assert c.is_open()
    c.reset()


# -- floods of answers (RFC 5961 7, RFC 9293 3.10.7.4) --------------------------------------------------------------------------

def count_answers(c, seconds=0.3):
    nr = 0
    while c.get(seconds):
        nr += 1
    return nr


@script
def challenges_are_limited(d, connection):
    """RFC 5961 7: 500 blind resets do not bring 500 answers; and who uses up the limit learns nothing of another connection (CVE-2016-5696)."""
    other = connection(d).open()
    c = connection(d).open()
    for index in range(500):
        c.raw(RST, seq=c.seq + 10 + index)
        if index % 50 == 49:
            d.host.poll(0)
    other.raw(SYN, seq=other.seq + 100, option=options(mss=1460))
    assert wait_for(other, lambda found: found.flags == ACK, 1), "the limit is shared"
    assert other.is_open()
    other.reset()
    c.seq = 1
    c.raw(RST, seq=c.seq + 10)
    nr = count_answers(c)
    assert nr <= 20, nr
    assert c.is_open()
    c.reset()


@script
def no_war_of_acknowledgements(d, connection):
    """Bare acknowledgements outside the window are answered a few times, not each: two ends out of step would never stop."""
    c = connection(d).open()
    for index in range(300):
        c.raw(ACK, seq=c.seq - 100000)
        if index % 50 == 49:
            settle()
    nr = count_answers(c)
    assert 1 <= nr <= 30, nr
    for index in range(300):
        c.raw(ACK, ack=c.ack + 100000)
        if index % 50 == 49:
            settle()
    nr = count_answers(c)
    assert nr <= 30, nr
    settle()
    assert c.is_open()
    c.reset()


# -- ICMP (RFC 5927, 1191, 8201) ------------------------------------------------------------------------------------------------

def quote(c, d, seq):
    """The start of a packet of theirs, as an error quotes it."""
    head = struct.pack(">HHI", c.port, c.sport, (c.irs + seq) & 0xffffffff)
    return ip_packet(d.them, d.us, 6, head + b"\0" * 12)


@script
@last(2)
def path_mtu(d, connection):
    """RFC 1191, 8201: segments get smaller."""
    c = connection(d, port=7002, option=options(mss=1400)).open()
    sent = burst(c, 3)
    assert len(sent[0].data) == 1400
    kind = struct.pack(">BBHHH", 3, 4, 0, 0, 1300) if d.family == 4 else struct.pack(">BBHI", 2, 0, 0, 1300)
    d.send_icmp(kind + quote(c, d, sent[0].seq))
    end = time.monotonic() + 3
    found = None
    while time.monotonic() < end:
        found = c.get(1)
        if found and found.data and len(found.data) <= 1300 - (40 if d.family == 4 else 60):
            break
    assert found and 0 < len(found.data) <= 1300 - (40 if d.family == 4 else 60), found
    c.reset()


def send_unreachable(c, d, seq):
    """ICMP: the port of our segment with this number is unreachable."""
    kind = struct.pack(">BBHI", 3, 3, 0, 0) if d.family == 4 else struct.pack(">BBHI", 1, 4, 0, 0)
    d.send_icmp(kind + quote(c, d, seq))


@script
def unreachable_syn(d, connection):
    """RFC 1122 4.2.3.9: in SYN-SENT a port that is unreachable ends the attempt."""
    c = active(d, connection)
    settle()
    send_unreachable(c, d, 0)
    assert d.datagram(c.sport, 3) == b"111"


@script
def unreachable_in_connection(d, connection):
    """RFC 5927: an established connection is not ended by ICMP."""
    c = connection(d).open()
    send_unreachable(c, d, 1)
    assert c.is_open()
    c.reset()


def too_big(d, c, seq, mtu):
    """Packet too big, quoting a segment of theirs."""
    kind = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) if d.family == 4 else struct.pack(">BBHI", 2, 0, 0, mtu)
    d.send_icmp(kind + quote(c, d, seq))


def largest(c, seconds=0.4):
    """Of the segments that come."""
    size, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        found = c.get(left)
        size = max(size, len(found.data) if found else 0)
    return size


@script
def path_mtu_forged(d, connection):
    """RFC 5927 4.1, 7.2: about a segment that is not in flight, of another connection, or larger than what there is: nothing gets smaller."""
    c = connection(d, port=7012, option=options(mss=1400)).open()
    sent = burst(c, 5)
    too_big(d, c, sent[0].seq + 5000000, 1300)
    too_big(d, c, sent[0].seq - 1000, 1300)
    too_big(d, c, sent[0].seq, 9000)
    port, c.port = c.port, 7011
    too_big(d, c, sent[0].seq, 1300)
    c.port = port
    settle()
    c.ack = sent[-1].seq + len(sent[-1].data)
    c.raw(ACK)
    assert largest(c) == 1400
    c.reset()


@script
@last(2)
def fastopen_syn_too_big(d, connection):
    """RFC 7413 with RFC 1191: a router says that a SYN with data was too long: it goes out again without data, with the MSS of the path."""
    c = active(d, connection, 7018)
    if not c.first.data:
        c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460, cookie=b"cookie01"))
        c.seq, c.ack = 1, 1
        assert c.take(5) == b"hello"
        c.reset()
        c = active(d, connection, 7018)
    assert c.first.data == b"hello", c.first
    settle()
    too_big(d, c, 0, 1290)
    found = c.expect(SYN, seq=0)
    assert not found.data and found.mss == 1290 - {4: 40, 6: 60}[d.family], (found, found.mss)
    c.reset()


@script
@last(2)
def path_mtu_tiny(d, connection):
    """RFC 1191 3, RFC 8201 4: below what a link may have: it does not get smaller than 1280 (IPv6), than 552 or what it says (IPv4)."""
    c = connection(d, port=7002, option=options(mss=1200)).open()
    sent = burst(c, 5)
    too_big(d, c, sent[0].seq, 68 if d.family == 4 else 600)
    settle()
    d.waiting.clear()
    c.ack = sent[0].seq + len(sent[0].data)
    c.raw(ACK)
    size = largest(c, 1.0)
    assert size >= {4: 552 - 40, 6: 1200}[d.family], size
    c.reset()


UNREACHABLE = {4: ((3, 0, b"101"), (3, 1, b"113"), (11, 0, b"113")), 6: ((1, 0, b"101"), (1, 3, b"113"), (3, 0, b"113"))}


@script
def soft_errors(d, connection):
    """RFC 5461: unreachable nets and hosts, and exceeded times, end an attempt to connect at once; source quench does nothing (RFC 6633)."""
    for kind, code, error in UNREACHABLE[d.family]:
        c = active(d, connection)
        settle()
        if d.family == 4:
            d.send_icmp(struct.pack(">BBHI", 4, 0, 0, 0) + quote(c, d, 0))
            assert d.datagram(c.sport, 0.1) is None
        d.send_icmp(struct.pack(">BBHI", kind, code, 0, 0) + quote(c, d, 0))
        got = d.datagram(c.sport, 3)
        assert got == error, (kind, code, got)


@script
def soft_errors_in_connection(d, connection):
    """RFC 1122 4.2.3.9: they do nothing to a connection."""
    c = connection(d).open()
    for kind, code, _ in UNREACHABLE[d.family]:
        d.send_icmp(struct.pack(">BBHI", kind, code, 0, 0) + quote(c, d, 1))
    c.send(b"q")
    found = wait_for(c, lambda found: found.data)
    for kind, code, _ in UNREACHABLE[d.family]:
        d.send_icmp(struct.pack(">BBHI", kind, code, 0, 0) + quote(c, d, found.seq))
    settle()
    c.ack = 2
    c.raw(ACK)
    assert c.is_open()
    c.reset()


@script
def wrong_checksum_of_icmp(d, connection):
    """An ICMP error whose checksum is wrong is none."""
    c = active(d, connection)
    settle()
    kind = struct.pack(">BBHI", 3, 3, 0x1234, 0) if d.family == 4 else struct.pack(">BBHI", 1, 4, 0x1234, 0)
    d.send_packet(ip_packet(d.us, d.them, 1 if d.family == 4 else 58, kind + quote(c, d, 0)))
    settle()
    c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460))
    c.seq = 1
    assert wait_for(c, lambda found: found.data)
    c.ack = 6
    assert c.is_open()
    c.reset()


# -- SYN cookies (RFC 4987 3.6) ---------------------------------------------------------------------------------------------------

def flood(d, port, count=1500):
    for index in range(count):
        d.send_tcp(20000 + index, port, 12345 + index, 0, SYN, option=options(mss=1460, sack_ok=True))
        if index % 50 == 49:
            d.host.poll(0)
    end = time.monotonic() + 1
    while time.monotonic() < end and d.host.poll(0.1):
        pass
    d.waiting.clear()


@script
@last(1)
def syn_cookies(d, connection):
    """With timestamps the cookie keeps scale and SACK, without them neither; the MSS is kept in steps; ECN is not."""
    flood(d, 7012)
    # Linux knows no step below 1220 for IPv6.
    least = d.differs(samara=536, linux={4: 536, 6: 1220}[d.family])
    for mss, ts, sizes in ((1460, True, (1428, 1448)), (536, False, (least,)), (1000, False, (least, 1000))):
        c = connection(d, port=7012, use_ts=ts, option=options(mss=mss, wscale=7, sack_ok=True, ts=(1, 0) if ts else None)).half_open()
        c.ts_base = 1
        c.raw(ACK, window=100 if ts else 65535)
        got = wait_for(c, lambda found: found.data)
        assert got and len(got.data) in sizes, (mss, ts, got and len(got.data))
        if ts:      # 100 << 7
            end = max(found.seq + len(found.data) for found in [got] + rest(c))
            assert 5000 < end <= 12801, end
        c.reset()


def rest(c):
    found = []
    while got := c.get(0.1):
        found.append(got)
    return found


@script
@last(1)
def forged_cookies(d, connection):
    """An acknowledgement that guesses a cookie, or changes one, opens nothing."""
    flood(d, 7001)
    c = connection(d).half_open()
    for wrong in (1 << 20, 1 << 24, 1 << 27):
        c.raw(ACK, ack=1 + wrong)
        found = wait_for(c, lambda found: found.flags & RST, 1)
        assert found, f"no reset for {wrong}"
    c.raw(ACK, seq=c.seq + 1000)
    assert wait_for(c, lambda found: found.flags & RST, 1), "no reset for another number of ours"
    c.send(b"right")
    assert c.take(5) == b"right"
    c.reset()


@script
@last(1)
def syn_flood(d, connection):
    """RFC 4987: 3,000 half-open connections, and a new one still opens (by a cookie) and carries data."""
    d.send_tcp(5000, 7001, 1, 0, SYN)
    for count in range(3000):
        d.send_tcp(20000 + count, 7001, 12345 + count, 0, SYN, option=options(mss=1460, sack_ok=True))
        if count % 50 == 49:
            d.host.poll(0)
    end = time.monotonic() + 1
    while time.monotonic() < end and d.host.poll(0.1):
        pass
    d.waiting.clear()
    for _ in range(3):
        c = connection(d, use_ts=True)
        c.raw(SYN, option=c.syn_options)
        c.seq = 1
        found = c.get(3)
        assert found and found.flags == SYN | ACK, found
        c.ack = 1
        c.send(b"through")
        assert c.take(7) == b"through"
        c.reset()

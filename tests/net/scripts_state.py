# SPDX-License-Identifier: MIT
"""Scripts of conformance.py: the states of RFC 9293 3.10.7, opening, closing, TIME-WAIT."""
import time

from packet import ACK, FIN, PSH, RST, SYN, URG, options
from scripts import active, script, settle


def fin_wait_1(d, connection):
    c = connection(d, port=7004).open()
    c.expect(FIN | ACK, seq=1)
    return c


def fin_wait_2(d, connection):
    c = connection(d, port=7006).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.raw(ACK)
    return c


def closing(d, connection):
    c = fin_wait_1(d, connection)
    c.send(b"", FIN | ACK)
    c.expect(ACK, ack=2, seq=2)
    return c


def close_wait(d, connection):
    c = connection(d, port=7003).open()
    c.send(b"", FIN | ACK)
    c.expect(ACK, ack=2, seq=1)
    return c


def last_ack(d, connection):
    c = connection(d).open()
    c.send(b"", FIN | ACK)
    while not (found := c.get()).flags & FIN:
        pass
    assert found.ack == 2, found
    return c


def time_wait(d, connection, port=7004, **more):
    c = connection(d, port=port, **more).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.send(b"", FIN | ACK)
    c.expect(ACK, ack=2)
    settle()
    return c


STATES = (fin_wait_1, fin_wait_2, closing, close_wait, last_ack)


def wait_for(c, wanted, seconds=3.0):
    """The next segment that `wanted` says yes to, or None."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        found = c.get(left)
        if found and wanted(found):
            return found
    return None


@script
def reset_in_each_state(d, connection):
    """3.10.7.4, second: the exact number ends the connection in every state: what follows finds none."""
    for enter in STATES:
        c = enter(d, connection)
        settle()
        c.raw(RST)
        settle()
        c.raw(ACK, ack=c.ack)
        found = wait_for(c, lambda found: found.flags & RST)
        assert found, f"no reset after one in {enter.__name__}"


@script
def blind_reset_in_each_state(d, connection):
    """RFC 5961 3.2: a reset elsewhere in the window is answered with the numbers, and the connection stays."""
    for enter in STATES:
        c = enter(d, connection)
        c.raw(RST, seq=c.seq + 50)
        if enter in (closing, close_wait, last_ack):
            # The peer's FIN has come: no window is left, what lies behind it is outside and dropped.
            continue
        found = wait_for(c, lambda found: not found.flags & RST, 1)
        assert found and found.ack == c.seq, (enter.__name__, found)
        c.raw(RST)


@script
def syn_in_each_state(d, connection):
    """RFC 5961 4.2, RFC 9293 3.10.7.4, fourth: a SYN, wherever it lies, is answered with an acknowledgement."""
    for enter in STATES:
        c = enter(d, connection)
        settle()
        c.raw(SYN, seq=c.seq + 1000000, option=options(mss=1460))
        found = wait_for(c, lambda found: not found.flags & FIN)
        assert found and found.flags & (ACK | RST | SYN) == ACK and found.ack == c.seq, (enter.__name__, found)
        c.raw(RST)


@script
def data_after_fin(d, connection):
    """3.10.7.4, seventh: text behind the peer's own FIN is ignored."""
    c = close_wait(d, connection)
    c.raw(ACK | PSH, data=b"ghost")
    found = c.get(0.5)
    assert found is None or (found.flags & ACK and found.ack == 2), found
    c.raw(FIN | ACK, seq=1)
    c.expect(ACK, ack=2)
    c.reset()


@script
def fin_with_data(d, connection):
    """Data and FIN in one segment: the data is read, then the end."""
    c = connection(d).open()
    c.send(b"goodbye", FIN | ACK | PSH)
    data, fin = b"", None
    while not fin:
        found = c.get()
        assert found, "no FIN came"
        if found.seq == c.ack:
            data += found.data
            c.ack += len(found.data)
        assert found.ack == 9, found
        fin = found.flags & FIN
    assert data == b"goodbye", data
    c.ack += 1
    c.raw(ACK)
    c.silent(0.2)


@script
def fin_is_repeated(d, connection):
    """RFC 6298: a FIN that nobody acknowledges is repeated, later each time; data sent before it may be acknowledged without it."""
    c = connection(d, port=7016, option=options(mss=1000)).open()
    while c.ack < 3001:
        found = c.get()
        assert found, f"{c.ack} bytes came"
        if found.seq == c.ack:
            c.ack += len(found.data)
    c.raw(ACK, ack=3001)
    settle()
    while c.get(0):
        pass
    times = []
    while len(times) < 4:
        found = c.get(4)
        assert found, "the FIN is not repeated"
        if found.flags & FIN:
            assert found.seq + len(found.data) == 3001, found
            times.append(time.monotonic())
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[2] > gaps[1] * 1.4, gaps
    c.ack = 3002
    c.send(b"", FIN | ACK)
    found = wait_for(c, lambda found: found.ack == 2)
    assert found and found.seq == 3002, found


@script
def half_closed_gets_all(d, connection):
    """Our FIN comes first of all: the data of the other side still comes, then its FIN."""
    c = connection(d, port=7016, option=options(mss=500)).open()
    c.send(b"", FIN | ACK)
    fin = False
    while not fin:
        found = c.get()
        assert found, f"{c.ack - 1} bytes came"
        assert not found.flags & RST, found
        if found.seq == c.ack:
            c.ack += len(found.data) + bool(found.flags & FIN)
            fin = found.flags & FIN
            c.raw(ACK)
    assert c.ack == 3002, c.ack
    found = c.get(0.2)
    assert found is None or found.flags == ACK, found


@script
def fin_before_ack_of_data(d, connection):
    """FIN-WAIT-1 with data in flight: an acknowledgement of the data alone does not lead to FIN-WAIT-2 or CLOSING's end."""
    c = connection(d, port=7016, option=options(mss=1000)).open()
    wait_for(c, lambda found: found.seq + len(found.data) >= 3001)
    c.raw(FIN | ACK, seq=1, ack=3001)
    c.seq = 2
    found = wait_for(c, lambda found: found.ack == 2)
    assert found, "the FIN is not acknowledged"
    found = wait_for(c, lambda found: found.flags & FIN, 4)
    assert found, "CLOSING: the FIN is not repeated"
    c.ack = 3002
    c.raw(ACK)
    c.silent(0.3)


# -- opening --------------------------------------------------------------------------------------------------------------

@script
def syn_with_data(d, connection):
    """3.10.7.2: data in a SYN is kept or left, but the handshake goes on; what is not acknowledged is sent again."""
    c = connection(d)
    c.raw(SYN, option=c.syn_options, data=b"early")
    found = c.expect(SYN | ACK)
    assert found.ack in (1, 6), found
    c.seq, c.ack = found.ack, 1
    c.raw(ACK)
    if c.seq == 1:
        c.send(b"early")
    assert c.take(5) == b"early"
    c.reset()


@script
def syn_and_reset(d, connection):
    """3.10.7.2, first: a reset wins."""
    c = connection(d)
    c.raw(SYN | RST, option=c.syn_options)
    c.silent(0.3)


@script
def syn_and_fin(d, connection):
    c = connection(d)
    c.raw(SYN | FIN, option=c.syn_options)
    found = c.get(0.4)
    if d.differs(samara=True, linux=False):
        assert found and found.flags & (SYN | ACK) == SYN | ACK and found.ack == 1, found
    else:
        assert found is None, found
    c.seq, c.ack = 1, 1
    c.reset()


@script
def strange_flags(d, connection):
    """3.10.7.2: FIN alone, nothing, and everything, to a listener: no connection, no answer but a reset."""
    for flags in (0, FIN, FIN | PSH | URG, URG, PSH):
        c = connection(d)
        c.raw(flags)
        found = c.get(0.15)
        assert found is None or found.flags & RST, (hex(flags), found)


@script
def closed_port_numbers(d, connection):
    """3.10.7.1: without ACK the reset acknowledges all that the segment held."""
    c = connection(d, port=9)
    for flags, data, ack in ((0, b"12345", 5), (FIN, b"", 1), (SYN | FIN, b"", 2), (SYN, b"1234", 5)):
        c.irs = None
        c.raw(flags, seq=0, data=data)
        found = c.get()
        assert found and found.flags & (RST | ACK) == RST | ACK and found.ack == ack and found.seq == 0, (hex(flags), found)


@script
def syn_sent_ignores(d, connection):
    """3.10.7.3: a reset that acknowledges nothing, and an acknowledgement without SYN, are dropped; the attempt goes on."""
    c = active(d, connection)
    c.raw(RST, seq=0)
    c.raw(ACK, seq=0, ack=1)
    c.raw(FIN | ACK, seq=0, ack=1)
    c.raw(RST | ACK, seq=0, ack=77)
    # Linux repeats its SYN at once when something else was acknowledged.
    found = c.get(0.3)
    assert found is None or found.flags == SYN, found
    c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460))
    c.seq = 1
    found = wait_for(c, lambda found: found.data)
    assert found and found.data == b"hello", found
    c.ack = 6
    c.raw(ACK)
    assert c.is_open()
    c.reset()


@script
def syn_ack_again(d, connection):
    """The last acknowledgement of the handshake was lost: it is sent again for the SYN|ACK that comes again."""
    c = active(d, connection)
    c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460))
    c.seq, c.ack = 1, 6
    assert wait_for(c, lambda found: found.data)
    c.raw(ACK)
    c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460))
    found = wait_for(c, lambda found: not found.data)
    assert found and found.flags == ACK and found.ack == 1 and found.seq == 6, found
    assert c.is_open()
    c.reset()


@script
def simultaneous_open_reset(d, connection):
    """3.10.7.4, second: SYN-RECEIVED from an active open: a reset refuses the connection."""
    c = active(d, connection)
    c.raw(SYN, seq=0, option=options(mss=1460))
    c.expect(SYN | ACK, seq=0, ack=1)
    settle()
    c.raw(RST, seq=1)
    assert d.datagram(c.sport, 3) == d.differs(samara=b"111", linux=b"104")


@script
def simultaneous_open_plain_ack(d, connection):
    """Figure 8 with the SYN|ACK lost: a bare acknowledgement completes it."""
    c = active(d, connection)
    c.raw(SYN, seq=0, option=options(mss=1460))
    c.expect(SYN | ACK, seq=0, ack=1)
    settle()
    c.seq, c.ack = 1, 1
    c.raw(ACK)
    found = wait_for(c, lambda found: found.data)
    assert found and found.data == b"hello" and not found.flags & SYN, found
    c.ack = 6
    c.raw(ACK)
    assert c.is_open()
    c.reset()


@script
def handshake_ack_lost(d, connection):
    """Data comes in place of the last acknowledgement, out of order and then in order."""
    c = connection(d).half_open()
    c.raw(ACK, seq=6, data=b"world")
    c.raw(ACK, seq=1, data=b"hello")
    c.seq = 11
    assert c.take(10) == b"helloworld"
    c.reset()


@script
def fin_in_syn_received(d, connection):
    """3.10.7.4, eighth: SYN-RECEIVED and a FIN: CLOSE-WAIT, and a program that reads sees the end."""
    c = connection(d).half_open()
    c.send(b"", FIN | ACK)
    found = wait_for(c, lambda found: found.flags & FIN)
    assert found and found.ack == 2 and found.seq == 1, found
    c.ack = 2
    c.raw(ACK)


# -- options (3.2, RFC 7323 2, RFC 6691) -----------------------------------------------------------------------------------

def segment_size(d, connection, option):
    c = connection(d, port=7002, option=option).open()
    found = wait_for(c, lambda found: found.data)
    assert found, "no data came"
    c.reset()
    return len(found.data)


@script
def mss_edges(d, connection):
    """3.7.1: what is sent keeps to the peer's MSS, down to a least one; none, or 0, is the default; more than fits is cut."""
    least = d.differs(samara=88, linux=48)
    for mss, size in ((1, least), (47, least), (89, 89), (536, 536), (65535, {4: 1460, 6: 1440}[d.family])):
        got = segment_size(d, connection, options(mss=mss))
        assert got == size, (mss, got)
    got = segment_size(d, connection, b"\x02\x04\0\0")
    assert got == {4: 536, 6: 1220}[d.family], got


@script
def odd_options(d, connection):
    """3.2: unknown options are passed over by their length; nonsense ends the list; the segment itself is taken."""
    for option in (b"\xfe\x06abcd\x02\x04\x01\xf4\x01\x00",          # unknown, then MSS 500
                   b"\x02\x04\x01\xf4\x00\xff\xff\xff",              # what follows the end of the list
                   b"\x02\x04\x01\xf4\xfd\x00\x01\x01",              # length 0
                   b"\x02\x04\x01\xf4\xfd\x01\x01\x01",              # length 1
                   b"\x02\x04\x01\xf4\x05\x0a\0\0",                  # longer than the header
                   b"\x02\x04\x01\xf4\x03\x02\x01\x01"):             # a window scale without its byte
        got = segment_size(d, connection, option)
        assert got == 500, (option, got)
    c = connection(d).open()
    c.raw(ACK | PSH, data=b"data", option=b"\xfe\x08\1\2\3\4\5\6")
    c.seq += 4
    assert c.take(4) == b"data"
    c.reset()


@script
def window_scale_edges(d, connection):
    """RFC 7323 2.3: 14 is the most; more counts as 14. A window of 1 is then 16 KiB."""
    for scale, end in ((14, 16385), (200, 16385), (0, 2)):
        c = connection(d, port=7012, option=options(mss=1000, wscale=scale))
        c.raw(SYN, option=c.syn_options)
        c.expect(SYN | ACK)
        c.seq, c.ack, c.window = 1, 1, 1
        c.raw(ACK)
        seen = 1
        while found := c.get(0.15):
            seen = max(seen, found.seq + len(found.data))
            assert seen <= end, (scale, seen)
            if found.seq == c.ack and found.data and c.ack < 6001:
                c.ack += len(found.data)
                c.raw(ACK, window=1)
                end = c.ack + (1 << min(scale, 14))
        assert seen > 10000 or scale == 0, (scale, seen)
        c.reset()


@script
def window_of_syn_is_not_scaled(d, connection):
    """RFC 7323 2.2: the window of a SYN or SYN|ACK is in bytes."""
    c = active(d, connection)
    c.raw(SYN | ACK, seq=0, ack=1, window=3, option=options(mss=1460, wscale=7))
    c.seq, c.ack = 1, 1
    found = wait_for(c, lambda found: found.data)
    assert found and len(found.data) <= 3, found
    c.raw(ACK, window=100)
    c.reset()


# -- TIME-WAIT (RFC 6191, 1337) -----------------------------------------------------------------------------------------------

def again(d, connection, c, seq, ts):
    """A SYN of the same ports, `seq` beyond the first, `ts` ms after the last timestamp."""
    n = connection(d, port=c.port, sport=c.sport)
    n.iss = (c.iss + seq) & 0xffffffff
    n.syn_options = options(mss=1460, wscale=7, sack_ok=True, ts=None if ts is None else (c.ts_sent + ts, 0))
    n.raw(SYN, option=n.syn_options)
    n.seq, n.ack = 1, 1
    return n


@script
def time_wait_reuse_rules(d, connection):
    """RFC 6191 2: a later timestamp opens; an equal one, or none, only with a later number; an earlier one never."""
    for seq, ts, opens in ((100000, 1000, True), (-100000, 1000, True), (100000, 0, True), (100000, None, True), (100000, -1000, False), (-100000, 0, False),
                           (-100000, None, False)):
        c = connection(d, port=7004, use_ts=True).open()
        c.expect(FIN | ACK, seq=1)
        c.ack, c.ts_sent = 2, c.ts_now()
        c.raw(FIN | ACK, option=options(ts=(c.ts_sent, c.ts_last)))
        c.seq = 2
        c.expect(ACK, ack=2)
        settle()
        n = again(d, connection, c, seq, ts)
        found = n.get(0.5)
        assert opens == bool(found and found.flags == SYN | ACK), (seq, ts, found)
        if opens:
            n.reset()


@script
def time_wait_reset(d, connection):
    """RFC 1337 3: a reset must not end TIME-WAIT early."""
    c = time_wait(d, connection)
    c.raw(RST)
    settle()
    c.raw(FIN | ACK, seq=1)
    found = c.expect(d.differs(samara=ACK, linux=RST), mask=RST | ACK if d.kernel == "samara" else RST)
    if d.kernel == "samara":
        assert found.ack == 2 and found.seq == 2, found


@script
def time_wait_data(d, connection):
    """3.10.7.4: data in TIME-WAIT is not taken; it is answered with the numbers."""
    c = time_wait(d, connection)
    c.raw(ACK | PSH, data=b"late")
    c.expect(ACK, ack=2, seq=2)
    c.raw(ACK)
    c.silent(0.2)


@script
def timestamp_of_bad_ack(d, connection):
    """What acknowledges data that was never sent is dropped (3.10.7.4, fifth), and its timestamp is not kept (RFC 7323 4.3): what follows is no old duplicate."""
    c = connection(d, use_ts=True).open()
    c.raw(ACK, ack=100000, option=options(ts=((c.ts_now() + 1000000) & 0xffffffff, c.ts_last)))
    settle()
    assert c.is_open()
    c.reset()


@script
def simultaneous_open_is_acknowledged(d, connection):
    """Figure 8: the SYN of the SYN|ACK has come before: acknowledged again, and reported as a duplicate (RFC 2883)."""
    c = active(d, connection)
    c.raw(SYN, seq=0, option=options(mss=1460, sack_ok=True))
    c.expect(SYN | ACK, seq=0, ack=1)
    settle()
    c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460, sack_ok=True))
    c.seq, c.ack = 1, 1
    found = wait_for(c, lambda found: found.sack)
    assert found and found.ack == 1 and found.sack == [(0, 1)], found
    c.reset()

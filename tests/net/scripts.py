# SPDX-License-Identifier: MIT
"""The scripts of conformance.py: script(driver, Connection). Sections are those of RFC 9293 unless another is named."""
import time

from packet import ACK, FIN, PSH, RST, SYN, URG, options

SCRIPTS, LAST, ONLY = {}, {}, {}


def script(function):
    SCRIPTS[function.__name__.replace("_", "-")] = function
    return function


def only(family):
    """Of a script for one family."""
    def mark(function):
        ONLY[function] = family
        return function
    return mark


def last(rank):
    """Of a script that leaves traces on both systems, as SYN cookies (1) and path MTUs (2): it runs after the others."""
    def mark(function):
        LAST[function] = rank
        return function
    return mark


def settle():
    """Until the program has left the socket: what Linux finds while it is at work is merged with the segment before, or comes too early for a new state."""
    time.sleep(0.05)


# -- opening (3.5, 3.10.7.1 to 3.10.7.4) ---------------------------------------------------------------------------------

@script
def handshake(d, connection):
    c = connection(d, use_ts=True).open()
    assert c.answer.mss == {4: 1460, 6: 1440}[d.family] and c.answer.sack_ok and c.answer.wscale is not None and c.answer.ts, c.answer
    c.send(b"hello")
    assert c.take(5) == b"hello"
    c.reset()


@script
def no_options(d, connection):
    """Without options in the SYN none come back, and segments keep to the default MSS (3.7.1)."""
    c = connection(d, port=7002, option=b"").open()
    assert not c.answer.sack_ok and c.answer.wscale is None and not c.answer.ts, c.answer
    found = c.expect(ACK)
    assert len(found.data) <= {4: 536, 6: 1220}[d.family], found
    c.reset()


@script
def small_mss(d, connection):
    c = connection(d, port=7002, option=options(mss=300)).open()
    assert len(c.expect(ACK).data) == 300
    c.reset()


@script
def closed_port(d, connection):
    """3.10.7.1."""
    c = connection(d, port=9)
    c.raw(SYN)
    c.expect(RST | ACK, seq=0, ack=1)
    c.irs = 1000
    c.raw(ACK, ack=5)
    assert c.get().seq == 5
    c.raw(RST)
    c.silent()


@script
def listen_ack(d, connection):
    """3.10.7.2: an acknowledgement to a listener is answered with a reset, a reset with nothing."""
    c = connection(d)
    c.irs = 77
    c.raw(ACK, ack=10)
    found = c.expect(RST, mask=RST)
    assert found.seq == 10, found
    c.raw(RST)
    c.silent()


@script
def syn_received_again(d, connection):
    """The SYN again: the same answer again."""
    c = connection(d)
    c.raw(SYN, option=c.syn_options)
    first = c.expect(SYN | ACK, ack=1)
    c.raw(SYN, option=c.syn_options)
    again = c.expect(SYN | ACK, ack=1)
    assert first.seq == again.seq
    c.seq, c.ack = 1, 1
    c.reset()


@script
def syn_received_timeout(d, connection):
    """The answer to the SYN is repeated after about a second (RFC 6298 2.1)."""
    c = connection(d).half_open()
    start = time.monotonic()
    c.expect(SYN | ACK, seconds=4)
    assert 0.5 < time.monotonic() - start < 3.5
    c.reset()


@script
def syn_received_bad_ack(d, connection):
    """3.10.7.4, SYN-RECEIVED: an acknowledgement of what was not sent is answered with a reset."""
    c = connection(d).half_open()
    c.raw(ACK, ack=1000)
    found = c.expect(RST, mask=RST)
    assert found.seq == 1000, found
    c.reset()


@script
def syn_received_reset(d, connection):
    """A reset in SYN-RECEIVED returns to LISTEN."""
    c = connection(d).half_open()
    c.raw(RST, seq=1)
    c.raw(ACK)
    c.expect(RST, mask=RST)


@script
def data_with_handshake_ack(d, connection):
    c = connection(d).half_open()
    c.send(b"early")
    assert c.take(5) == b"early"
    c.reset()


@script
def syn_sent_refused(d, connection):
    """3.10.7.3: a reset that acknowledges the SYN ends the attempt with ECONNREFUSED."""
    c = active(d, connection)
    c.raw(RST | ACK, seq=0, ack=1)
    assert d.datagram(c.sport, 3) == b"111"


@script
def syn_sent_bad_ack(d, connection):
    """3.10.7.3: an answer that acknowledges something else is answered with a reset; the attempt goes on."""
    c = active(d, connection)
    c.raw(SYN | ACK, seq=0, ack=900)
    c.expect(RST, mask=RST, seq=900)
    c.raw(SYN | ACK, seq=0, ack=1)
    c.seq = 1
    # The SYN may have come again meanwhile.
    found = c.get()
    while found.flags & SYN:
        found = c.get()
    assert found.flags & ACK and found.ack == 1, found
    c.ack = 1
    c.reset()


@script
def syn_sent_repeats(d, connection):
    c = active(d, connection)
    start = time.monotonic()
    c.expect(SYN, seq=0, seconds=4)
    assert 0.5 < time.monotonic() - start < 3.5
    c.raw(RST | ACK, seq=0, ack=1)


@script
def simultaneous_open(d, connection):
    """3.5, figure 8."""
    c = active(d, connection)
    c.raw(SYN, seq=0, option=options(mss=1460))
    c.expect(SYN | ACK, seq=0, ack=1)
    c.seq, c.ack = 1, 1
    c.raw(SYN | ACK, seq=0, option=options(mss=1460))
    found = c.get()
    while found and not found.data:
        found = c.get()
    assert found and found.data == b"hello", found
    c.ack = 6
    c.raw(ACK)
    assert c.is_open()
    c.reset()


def active(d, connection, by=7010):
    """The program under test connects to us; its SYN has come (c.first)."""
    c = connection(d, sport=d.next_port())
    d.send_udp(c.sport, by, str(c.sport).encode())
    def wanted(proto, payload):
        if proto != 6 or payload[2:4] != c.sport.to_bytes(2, "big"):
            return None
        return payload
    from packet import read_tcp
    payload = d.receive(wanted, 3)
    assert payload, "no SYN came"
    first = read_tcp(payload)
    assert first.flags == SYN, first
    c.port, c.irs, c.first = first.sport, first.seq, first
    return c


# -- data in order and not (3.4, 3.10.7.4 first and seventh) ----------------------------------------------------------------

@script
def out_of_order(d, connection):
    """RFC 2018: what comes behind a hole is told at once; then everything is acknowledged."""
    c = connection(d).open()
    c.raw(ACK, seq=11, data=b"b" * 10)
    c.expect(ACK, ack=1, sack=[(11, 21)])
    c.raw(ACK, seq=31, data=b"d" * 10)
    c.expect(ACK, ack=1, sack=[(31, 41), (11, 21)])
    c.raw(ACK, seq=1, data=b"a" * 10)
    found = c.get()
    while found.ack < 21:
        found = c.get()
    c.raw(ACK, seq=21, data=b"c" * 10)
    c.seq = 41
    data = found.data
    c.ack = found.seq + len(found.data)
    c.raw(ACK)
    data += c.take(40 - len(data))
    assert data == b"a" * 10 + b"b" * 10 + b"c" * 10 + b"d" * 10, data
    c.reset()


@script
def overlap(d, connection):
    c = connection(d).open()
    c.raw(ACK, seq=1, data=b"0123456789")
    c.raw(ACK, seq=6, data=b"56789abcde")
    c.seq = 16
    assert c.take(15) == b"0123456789abcde"
    c.reset()


@script
def overlap_behind_hole(d, connection):
    c = connection(d).open()
    c.raw(ACK, seq=11, data=b"klmnopqrst")
    c.raw(ACK, seq=6, data=b"fghijklmno")
    c.raw(ACK, seq=1, data=b"abcdefghij")
    c.seq = 21
    assert c.take(20) == b"abcdefghijklmnopqrst"
    c.reset()


@script
def old_duplicate(d, connection):
    """RFC 2883: a duplicate is reported."""
    c = connection(d).open()
    c.send(b"x" * 10)
    c.take(10)
    c.raw(ACK, seq=1, data=b"x" * 10)
    c.expect(ACK, ack=11, sack=[(1, 11)])
    assert c.is_open()
    c.reset()


@script
def beyond_window(d, connection):
    """3.10.7.4 first: outside the window: acknowledge and drop."""
    c = connection(d).open()
    edge = 1 + c.answer.window
    c.raw(ACK, seq=edge + 100000, data=b"far")
    c.expect(ACK, ack=1, data=b"")
    assert c.is_open()
    c.reset()


@script
def no_ack_bit(d, connection):
    """3.10.7.4 fifth: without ACK a segment is dropped."""
    c = connection(d).open()
    c.raw(PSH, data=b"lost")
    c.silent()
    assert c.is_open()
    c.reset()


@script
def future_ack(d, connection):
    """3.10.7.4 fifth: an acknowledgement of what was not sent: dropped; answered only where a direction is closed, as Linux has it."""
    c = connection(d).open()
    c.raw(ACK, ack=50000, data=b"lost")
    c.silent()
    assert c.is_open()
    c.reset()
    c = connection(d, port=7006).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.raw(ACK)
    c.raw(ACK, ack=50000, data=b"lost")
    found = c.expect(ACK, data=b"")
    assert found.ack == 1, found
    c.reset()


@script
def past_ack(d, connection):
    """RFC 5961 5.2: an acknowledgement of less than was ever sent is answered, and its data dropped."""
    c = connection(d).open()
    c.raw(ACK, ack=0xfffffff0 - 70000, data=b"lost")
    found = c.expect(ACK, data=b"")
    assert found.ack == 1, found
    c.raw(ACK, ack=0xfffffff0, data=b"lost")    # 16 bytes before the SYN
    c.silent()  # not again so soon
    assert c.is_open()
    c.reset()


@script
def records(d, connection):
    """MSG_EOR: what follows the end of a record goes in a segment of its own, and the record waits for nothing."""
    c = connection(d, port=7021).open()
    for seq, data in ((1, b"aaaa"), (5, b"bbb"), (8, b"cc")):
        found = c.expect(ACK, seq=seq)
        assert found.data == data, found
    c.reset()


@script
def paws(d, connection):
    """RFC 7323 5.3: an old timestamp: acknowledge and drop."""
    c = connection(d, use_ts=True).open()
    c.send(b"one")
    c.take(3)
    c.raw(ACK | PSH, data=b"old", option=options(ts=(c.ts_base - 5000, c.ts_last)))
    c.expect(ACK, ack=4, data=b"")
    assert c.is_open()
    c.reset()


@script
def delayed_ack(d, connection):
    """3.8.6.3: within half a second, and at the latest with the second full segment. (7003 reads nothing.)"""
    c = connection(d, port=7003).open()
    start = time.monotonic()
    c.send(b"x")
    c.expect(ACK, ack=2)
    assert time.monotonic() - start < 0.5
    c.reset()


# -- resets and SYNs in a connection (RFC 5961) -------------------------------------------------------------------------------

@script
def reset_exact(d, connection):
    c = connection(d).open()
    c.raw(RST)
    c.silent(0.2)
    c.send(b"x")
    c.expect(RST, mask=RST)


@script
def reset_in_window(d, connection):
    """RFC 5961 3.2: in the window, but not the next byte: challenge."""
    c = connection(d).open()
    c.raw(RST, seq=c.seq + 10)
    c.expect(ACK, ack=1)
    assert c.is_open()
    c.reset()


@script
def reset_outside_window(d, connection):
    c = connection(d).open()
    c.raw(RST, seq=c.seq + (1 << 30))
    c.silent()
    c.raw(RST, seq=c.seq - 10)
    c.silent()
    assert c.is_open()
    c.reset()


@script
def syn_in_connection(d, connection):
    """RFC 5961 4.2: challenge."""
    c = connection(d).open()
    c.raw(SYN, seq=c.seq + 100, option=options(mss=1460))
    c.expect(ACK, ack=1)
    assert c.is_open()
    c.reset()


@script
def ancient_ack(d, connection):
    """RFC 5961 5.2: an acknowledgement older than the largest window: challenge."""
    c = connection(d).open()
    c.send(b"0123456789")
    c.take(10)
    settle()
    c.raw(ACK | PSH, ack=c.ack - (1 << 25), data=b"lost")
    c.expect(ACK, ack=11, data=b"")
    assert c.is_open()
    c.reset()


# -- closing (3.6, 3.10.7.4 eighth) ---------------------------------------------------------------------------------------------

@script
def passive_close(d, connection):
    c = connection(d).open()
    c.send(b"", FIN | ACK)
    found = c.get()
    if not found.flags & FIN:
        assert found.ack == 2, found
        found = c.get()
    assert found.flags & FIN and found.ack == 2 and found.seq == 1, found
    c.ack = 2
    c.raw(ACK)
    c.silent(0.2)
    c.raw(ACK, seq=2)
    c.expect(RST, mask=RST)


@script
def active_close(d, connection):
    """FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT; a FIN again is acknowledged again."""
    c = connection(d, port=7004).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.raw(ACK)
    c.silent(0.2)
    c.send(b"", FIN | ACK)
    c.expect(ACK, ack=2, seq=2)
    c.raw(FIN | ACK, seq=1)
    c.expect(ACK, ack=2, seq=2)


@script
def time_wait_reuse(d, connection):
    """3.10.7.4, TIME-WAIT: a SYN beyond the last number opens anew (RFC 6191)."""
    c = connection(d, port=7004, use_ts=True).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.send(b"", FIN | ACK)
    c.expect(ACK, ack=2)
    settle()
    again = connection(d, port=7004, sport=c.sport, use_ts=True)
    again.iss, again.ts_base = (c.iss + 100000) & 0xffffffff, c.ts_base + 5000
    again.syn_options = options(mss=1460, wscale=7, sack_ok=True, ts=(again.ts_now(), 0))
    again.open()
    again.reset()


@script
def time_wait_old_syn(d, connection):
    """A SYN that is not beyond the last number does not open."""
    c = connection(d, port=7004).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.send(b"", FIN | ACK)
    c.expect(ACK, ack=2)
    c.raw(SYN, seq=-5000)
    found = c.get(0.5)
    assert found is None or not found.flags & SYN, found


@script
def simultaneous_close(d, connection):
    """3.6, figure 13: CLOSING."""
    c = connection(d, port=7004).open()
    c.expect(FIN | ACK, seq=1)
    c.send(b"", FIN | ACK)           # our FIN does not acknowledge theirs
    c.expect(ACK, ack=2, seq=2)
    c.ack = 2
    c.raw(ACK)
    c.silent(0.3)
    c.raw(FIN | ACK, seq=1)          # TIME-WAIT answers
    c.expect(ACK, ack=2)


@script
def half_close(d, connection):
    """After its FIN the other side still takes data."""
    c = connection(d, port=7006).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.raw(ACK)
    c.send(b"after")
    c.expect(ACK, ack=6)
    c.send(b"", FIN | ACK)
    found = c.expect(ACK, ack=7)
    assert not found.flags & RST


@script
def fin_out_of_order(d, connection):
    """A FIN behind a hole takes effect when the hole is filled."""
    c = connection(d).open()
    c.raw(FIN | ACK, seq=6, data=b"world")
    c.expect(ACK, ack=1)
    c.raw(ACK, seq=1, data=b"hello")
    c.seq = 12
    data, fin = b"", False
    while not fin:
        found = c.get()
        assert found, "no FIN came"
        if found.seq == c.ack:
            data += found.data
            c.ack += len(found.data)
            fin = bool(found.flags & FIN)
    assert data == b"helloworld", data
    c.ack += 1
    c.raw(ACK)


@script
def data_after_close(d, connection):
    """3.6.1: data for an application that has gone is answered with a reset."""
    c = connection(d, port=7004).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.raw(ACK)
    c.send(b"nobody reads this")
    c.expect(RST, mask=RST)


@script
def reset_by_linger(d, connection):
    c = connection(d, port=7005).open()
    assert c.take(1) == b"x"
    c.expect(RST, mask=RST, seq=2)


@script
def close_with_unread_data(d, connection):
    """RFC 2525 2.17: a close that loses data says so."""
    c = connection(d, port=7005).open()
    c.send(b"unread")
    c.take(1)
    found = c.get()
    while found and not found.flags & RST:
        found = c.get()
    assert found, "no reset"


# -- sending: loss (RFC 6298, 8985), windows (3.8.6) ------------------------------------------------------------------------------

@script
def retransmission_timeout(d, connection):
    """RFC 6298 5.5: repeated, with growing distance."""
    c = connection(d).open()
    c.send(b"x")
    first = c.get()
    while not first.data:
        first = c.get()
    times = [time.monotonic()]
    while len(times) < 5:
        found = c.get(6)
        assert found, "not repeated"
        if found.data:
            assert found.seq == first.seq and found.data == b"x", found
            times.append(time.monotonic())
    gaps = [later - earlier for earlier, later in zip(times[1:], times[2:])]
    assert gaps[0] > 0.15 and gaps[2] > gaps[1] * 1.4, gaps
    c.ack = 2
    c.raw(ACK)
    assert c.is_open()
    c.reset()


def burst(c, count=10):
    """The first `count` segments that 7002 sends."""
    found = []
    while len(found) < count:
        got = c.get()
        assert got, f"{len(found)} segments came"
        if got.data:
            found.append(got)
    return found


@script
def sack_recovery(d, connection):
    """RFC 6675, 8985: what SACKs leave out is sent again well before the timer, once."""
    c = connection(d, port=7002, use_ts=True).open()
    sent = burst(c)
    start = time.monotonic()
    hole, rest = sent[0], sent[1:]
    for got in rest[:5]:
        c.raw(ACK, ack=1, option=options(ts=(c.ts_now(), got.ts[0]), sack=[(c.irs + rest[0].seq, c.irs + got.seq + len(got.data))]))
    found = c.get()
    while found and found.seq != hole.seq:
        found = c.get(1)
    assert found and found.seq == hole.seq and time.monotonic() - start < 0.19, (found, time.monotonic() - start)
    c.reset()


@script
def three_duplicates(d, connection):
    """RFC 6582: without SACK, the third duplicate."""
    c = connection(d, port=7002, option=options(mss=1000)).open()
    sent = burst(c)
    start = time.monotonic()
    c.ack = sent[0].seq
    for _ in range(3):
        c.raw(ACK, ack=1)
    found = c.get()
    while found and found.seq != 1:
        found = c.get(1)
    assert found and time.monotonic() - start < 0.19, (found, time.monotonic() - start)
    c.reset()


@script
def tail_loss_probe(d, connection):
    """RFC 8985 7: the last segment, unacknowledged, is sent again before the timer."""
    c = connection(d, port=7002, use_ts=True).open()
    done, end = 0, 20001
    while c.ack < end - 1500:
        got = c.get()
        assert got, "the data stopped"
        if got.data and got.seq == c.ack:
            c.ack += len(got.data)
            c.raw(ACK)
            done += 1
    last = c.ack
    start = time.monotonic()
    copies = 0
    while copies < 2 and (got := c.get(2)):
        if got.data and got.seq + len(got.data) == end:
            copies += 1
    assert copies == 2, f"the end was sent {copies} times"
    assert time.monotonic() - start < 1.0
    c.ack = last
    c.reset()


@script
def initial_window(d, connection):
    """RFC 6928: at most ten segments before the first acknowledgement."""
    c = connection(d, port=7002, option=options(mss=1000)).open()
    sent = burst(c, 10)
    assert sum(len(got.data) for got in sent) == 10000
    # Then only repeats: probes, the timer.
    got = c.get(0.15)
    assert got is None or got.seq < 10001, got
    c.reset()


@script
def zero_window_probe(d, connection):
    """3.8.6.1: a shut window is probed; when it opens, the data goes on."""
    c = connection(d, port=7002, window=2000, option=options(mss=1000)).open()
    got = burst(c, 2)
    c.ack = got[1].seq + len(got[1].data)
    c.raw(ACK, window=0)
    start = time.monotonic()
    probe = c.get(3)
    assert probe and 0.1 < time.monotonic() - start < 3 and len(probe.data) <= 1, probe
    c.raw(ACK, window=0)
    c.raw(ACK, window=1000)
    got = c.get(3)
    while got and len(got.data) < 2:
        c.raw(ACK, window=1000)
        got = c.get(3)
    assert got and got.seq == c.ack, got
    c.reset()


@script
def window_is_kept(d, connection):
    """No more than the window at a time."""
    c = connection(d, port=7002, window=2500, option=options(mss=1000)).open()
    end = 1
    for _ in range(3):
        got = c.get(1)
        if got and got.data:
            end = max(end, got.seq + len(got.data))
    assert end <= 2501, end
    c.reset()


@script
def receiver_fills(d, connection):
    """A program that does not read: the window shuts, what is beyond is not taken, a probe is answered."""
    c = connection(d, port=7003, option=options(mss=1460)).open()
    edge, shut = 1 + c.answer.window, False
    while not shut and c.seq < 8 << 20:
        size = min(1400, edge - c.seq)
        if size > 0:
            c.send(b"f" * size)
        got = c.get(0.3 if size <= 0 else 0.0)
        while got:
            edge = max(edge, got.ack + got.window)
            shut = got.window == 0 and got.ack == c.seq
            got = c.get(0.0)
        if size <= 0 and edge <= c.seq:
            c.raw(ACK | PSH, data=b"p")
            got = c.expect(ACK, data=b"")
            shut = got.window == 0 or got.ack + got.window <= c.seq + 1
    assert shut, f"{c.seq} bytes and the window is still open"
    c.raw(ACK | PSH, data=b"p")
    assert c.expect(ACK).ack <= c.seq + 1
    c.reset()


@script
def no_silly_window(d, connection):
    """3.8.6.2.2: a reader of single bytes does not make the window grow by single bytes."""
    c = connection(d, port=7009, option=options(mss=1460)).open()
    while c.answer.window and c.seq < 8 << 20:
        edge = None
        c.send(b"s" * 1400)
        got = c.get(0.05)
        if got and got.ack + got.window - c.seq < 1400:
            edge = got.ack + got.window
            break
    assert edge, "the window never shut"
    start, grown = edge, []
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        got = c.get(0.2)
        if got and got.ack + got.window > edge:
            grown.append(got.ack + got.window - edge)
            edge = got.ack + got.window
    assert all(step >= 536 for step in grown), (start, grown)
    c.reset()


# -- timers of long lives -----------------------------------------------------------------------------------------------------

@script
def keepalive(d, connection):
    """3.8.4: probes, then a reset."""
    c = connection(d, port=7007).open()
    for _ in range(2):
        found = c.expect(ACK, seconds=3, seq=0)
        assert len(found.data) <= 1
    c.expect(RST, mask=RST, seconds=4)


@script
def keepalive_answered(d, connection):
    c = connection(d, port=7007).open()
    for _ in range(4):
        c.expect(ACK, seconds=3, seq=0)
        c.raw(ACK)
    assert c.is_open()
    c.reset()


@script
def user_timeout(d, connection):
    """RFC 793 USER TIMEOUT, tcp(7): given up after 1.5 s; what comes later finds nothing."""
    c = connection(d, port=7008).open()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        c.get(0.2)
    c.raw(ACK)
    c.expect(RST, mask=RST)


@script
def urgent_data(d, connection):
    """3.8.5, as all implementations have it: the byte before the pointer is out of band."""
    c = connection(d, port=7011).open()
    c.raw(ACK | PSH | URG, data=b"abcX", urgent=4)
    c.seq += 4
    assert c.take(5) == b"abc,X"
    c.send(b"rest")
    assert c.take(4) == b"rest"
    c.reset()

# SPDX-License-Identifier: MIT
"""Scripts of conformance.py: loss, reordering and what the sender makes of them; SACK, DSACK and timestamps of the receiver."""
import time

from packet import ACK, PSH, RST, options
from scripts import script, settle
from scripts_state import wait_for
from scripts_window import take_segments

MSS = 1000
RTT = 0.1     # where one matters: far below the least timeout, far above what a busy host adds


def bulk(d, connection, port=7012, sack=True, ts=False, rtt=0.0):
    """A connection on which data comes in segments of 1000 bytes (988 with timestamps); the handshake is as slow as it says."""
    option = options(mss=MSS, wscale=7, sack_ok=sack, ts=(1, 0) if ts else None)
    c = connection(d, port=port, use_ts=ts, option=option)
    if ts:
        c.ts_base = 1
    c.half_open()
    time.sleep(rtt)
    c.raw(ACK)
    c.size = MSS - 12 if ts else MSS
    return c


def acknowledge(c, ack, sack=(), echo=None):
    """ack and [(start, end)], relative. echo: of the timestamp; the last one by default."""
    ts = (c.ts_now(), c.ts_last if echo is None else echo) if c.use_ts else None
    c.raw(ACK, ack=ack, option=options(ts=ts, sack=[(c.irs + start, c.irs + end) for start, end in sack]))


def collect(c, seconds=0.1, first=None):
    """The data segments that come until nothing has come for so long; the first may take longer."""
    found = []
    while got := c.get(seconds if found or first is None else first):
        if got.data:
            found.append(got)
    return found


def flights(c, rounds, rtt):
    """Acknowledge whole flights, each after `rtt`; the flight after that, not acknowledged."""
    flight = []
    for number in range(rounds + 1):
        start = time.monotonic()
        flight = collect(c, rtt / 2, 1.0)
        if number < rounds:
            time.sleep(max(start + rtt - time.monotonic(), 0))
            c.ack = max(got.seq + len(got.data) for got in flight)
            c.raw(ACK)
    return flight


# -- the sender ------------------------------------------------------------------------------------------------------------

@script
def sack_reneging(d, connection):
    """RFC 2018 8: what was SACKed may be dropped by the receiver: after a timeout it is sent again."""
    c = bulk(d, connection, port=7002)
    take_segments(c, 10)
    for end in range(3001, 10002, MSS):
        acknowledge(c, 1, [(1001, end)])
    assert wait_for(c, lambda found: found.seq == 1)
    c.ack = 1001
    acknowledge(c, 1001)
    found = wait_for(c, lambda found: found.seq == 1001, 5)
    assert found, "what was SACKed is never sent again"
    c.take(19000, 20)
    c.reset()


@script
def sack_nonsense(d, connection):
    """Blocks that cannot be: nothing is made of them."""
    c = bulk(d, connection, port=7002)
    take_segments(c, 10)
    for block in ((10001, 90001), (5001, 3001), (-9000, -8000), (1 << 31, (1 << 31) + 5), (-5000, 5001), (4001, 4001)):
        acknowledge(c, 1001, [block])
    acknowledge(c, 1001, [(2001, 30000), (-5, 5), (9001, 9000), (7001, 7001)])
    c.ack = 1001
    c.take(19000, 10)
    c.reset()


@script
def newreno_partial_ack(d, connection):
    """RFC 6582 3.2: without SACK a partial acknowledgement says that the next segment is lost, too."""
    for gap in (0, 0.03):
        partial_ack(d, connection, gap)


def partial_ack(d, connection, gap):
    c = bulk(d, connection, sack=False)
    take_segments(c, 10)
    for _ in range(3):
        acknowledge(c, 1)
        time.sleep(gap)
    assert wait_for(c, lambda found: found.seq == 1, 0.19)
    acknowledge(c, 3001)
    assert wait_for(c, lambda found: found.seq == 3001, d.differs(samara=0.19, linux=2)), "the second hole waits"
    c.reset()


@script
def limited_transmit(d, connection):
    """RFC 3042: each of the first two duplicates lets a new segment go."""
    c = bulk(d, connection, sack=False)
    end = collect(c)[-1].seq + MSS
    acknowledge(c, 1)
    found = collect(c, 0.05)
    acknowledge(c, 1)
    found += collect(c, 0.05)
    # Linux may hold the second back, to send it together with a third.
    found = [got for got in found if got.seq != 1]      # the timer's
    assert d.differs(samara=2, linux=1) <= len(found) <= 2 and found[0].seq == end, [str(got) for got in found]
    c.reset()


@script
def timeout_sends_one(d, connection):
    """RFC 5681 3.1: after a timeout one segment; then two new ones to see whether it was right (RFC 5682 2.1)."""
    c = bulk(d, connection, sack=False)
    take_segments(c, 10)
    assert wait_for(c, lambda found: found.seq == 1, 3)
    found = collect(c, 0.1)
    assert not found, [str(got) for got in found]
    acknowledge(c, 1001)
    found = collect(c, 0.1)
    assert 1 <= len(found) <= 2 and found[0].seq == 10001, [str(got) for got in found]
    c.reset()


@script
def loss_probe_is_new_data(d, connection):
    """RFC 8985 7.3: the probe is new data where there is some, one segment of it; then the timer repeats the first."""
    c = bulk(d, connection)
    take_segments(c, 10)
    found = wait_for(c, lambda found: found.data, 0.19)
    assert found and found.seq == 10001 and len(found.data) <= MSS, found
    found = wait_for(c, lambda found: found.data, 2)
    assert found and found.seq == 1, found
    c.reset()


@script
def loss_probe_repairs(d, connection):
    """RFC 8985 7.4: the probe shows by SACK that what lies before it is lost: that is repeated without the timer."""
    c = bulk(d, connection)
    take_segments(c, 10)
    probe = wait_for(c, lambda found: found.data, 0.19)
    assert probe and probe.seq == 10001, probe
    start = time.monotonic()
    acknowledge(c, 7001, [(10001, 11001)])
    found = wait_for(c, lambda found: found.seq == 7001, 1)
    assert found and time.monotonic() - start < 0.19, (found, time.monotonic() - start)
    c.reset()


@script
def slow_start_and_reduction(d, connection):
    """RFC 5681 3.1: a flight doubles; RFC 9438 4.6, 6937: after a loss about 0.7 of it is sent in the round of recovery."""
    c = bulk(d, connection, rtt=RTT)
    second = flights(c, 1, RTT)
    assert 18 <= len(second) <= 22, len(second)
    time.sleep(RTT / 2)
    c.ack = second[-1].seq + MSS
    c.raw(ACK)
    third = collect(c, RTT / 2, 1.0)
    assert 32 <= len(third) <= 44, len(third)
    hole = third[0].seq
    for got in third[1:]:
        acknowledge(c, hole, [(hole + MSS, got.seq + MSS)])
        time.sleep(0.001)
    sent = collect(c, RTT / 2, 1.0)
    assert any(got.seq == hole for got in sent), "the hole is not repeated"
    assert 0.45 * len(third) <= len(sent) <= 0.85 * len(third), (len(third), len(sent))
    c.reset()


@script
def reordering_is_not_loss(d, connection):
    """RFC 8985 6.2: two segments that overtake another within a quarter of a round trip do not make it lost."""
    c = bulk(d, connection, ts=True, rtt=RTT)
    flight = flights(c, 1, RTT)
    time.sleep(RTT / 2)
    first, second, third = (got.seq for got in flight[:3])
    acknowledge(c, first, [(second, third + c.size)])
    found = c.get(0.005)
    assert found is None or found.seq > third, found
    acknowledge(c, third + c.size)
    while found := c.get(0.05):
        assert not found.data or found.seq > third, found
    c.reset()


@script
def lost_repeat_is_found(d, connection):
    """RFC 8985 6: the repeat is lost, too: data sent after it and SACKed shows that before the timer does."""
    c = bulk(d, connection, ts=True, rtt=RTT)
    flight = flights(c, 1, RTT)
    hole = flight[0].seq
    for got in flight[1:]:
        acknowledge(c, hole, [(hole + c.size, got.seq + c.size)])
    sent = collect(c, RTT / 2, 1.0)
    repeats = [index for index, got in enumerate(sent) if got.seq == hole]
    assert repeats, "the hole is not repeated"
    later = [got for got in sent[repeats[-1] + 1:] if got.seq > flight[-1].seq]
    assert later, "nothing was sent behind the repeat"
    start = time.monotonic()
    acknowledge(c, hole, [(hole + c.size, later[-1].seq + c.size)])
    found = wait_for(c, lambda found: found.seq == hole, 1)
    assert found and time.monotonic() - start < 0.19, (found, time.monotonic() - start)
    c.reset()


@script
def timeout_was_wrong(d, connection):
    """RFC 3522, 4015, 5682: the path was only slow: the first acknowledgement shows by its timestamp that the originals came; nothing more is repeated."""
    c = bulk(d, connection, ts=True)
    take_segments(c, 10)
    original = c.ts_last
    end = c.ack
    # A probe or two, then the timer.
    assert wait_for(c, lambda found: found.seq == 1, 3)
    settle()
    while c.get(0):
        pass
    acknowledge(c, 1 + 5 * c.size, echo=original)
    sent = collect(c, 0.08)
    repeated = [str(got) for got in sent if got.seq < end]
    assert not repeated, repeated
    acknowledge(c, end, echo=original)
    sent += collect(c, 0.08)
    assert len(sent) >= 8, [str(got) for got in sent]
    c.reset()


@script
def repeat_was_wrong(d, connection):
    """RFC 4015: the same for a fast retransmission of what was only reordered: the window is restored."""
    c = bulk(d, connection, ts=True, rtt=RTT)
    flight = flights(c, 1, RTT)
    original = c.ts_last
    hole, end = flight[0].seq, flight[-1].seq + c.size
    for got in flight[1:6]:
        acknowledge(c, hole, [(hole + c.size, got.seq + c.size)], echo=original)
    assert wait_for(c, lambda found: found.seq == hole, 0.19)
    settle()
    while found := c.get(0):
        end = max(end, found.seq + len(found.data))
    acknowledge(c, end, echo=original)
    sent = collect(c, 0.05)
    assert len(sent) >= len(flight) - 3, (len(flight), len(sent))
    c.reset()


# -- the receiver -------------------------------------------------------------------------------------------------------------

@script
def duplicate_behind_hole(d, connection):
    """RFC 2883 4.2: a duplicate of what lies behind a hole: first the duplicate, then the block it is in."""
    c = connection(d).open()
    c.raw(ACK, seq=11, data=b"b" * 20)
    c.expect(ACK, ack=1, sack=[(11, 31)])
    c.raw(ACK, seq=11, data=b"b" * 10)
    c.expect(ACK, ack=1, sack=[(11, 21), (11, 31)])
    c.reset()


@script
def duplicate_in_part(d, connection):
    """RFC 2883 4.3: the part that is old is the duplicate, the rest is taken."""
    c = connection(d, port=7003).open()
    c.send(b"0123456789", ACK)
    assert wait_for(c, lambda found: found.ack == 11)
    c.raw(ACK, seq=6, data=b"56789abcde")
    c.expect(ACK, ack=16, sack=[(6, 11)])
    c.reset()


@script
def duplicate_across_hole(d, connection):
    """RFC 2883 4.2.3: a segment that covers an old one whole and more of it."""
    c = connection(d, port=7003).open()
    c.raw(ACK, seq=11, data=b"b" * 10)
    c.expect(ACK, ack=1, sack=[(11, 21)])
    c.raw(ACK, seq=1, data=b"a" * 30)
    found = c.expect(ACK, ack=31)
    assert not found.sack or found.sack == [(11, 21)], found
    c.reset()


@script
def many_holes(d, connection):
    """RFC 2018 3, 4: as many blocks as there is room for, the latest first."""
    for use_ts, room in ((False, 4), (True, 3)):
        c = connection(d, use_ts=use_ts).open()
        for index in range(6):
            start = 11 + 20 * index
            c.raw(ACK, seq=start, data=b"h" * 10)
            found = c.expect(ACK, ack=1)
            expected = [(11 + 20 * i, 21 + 20 * i) for i in range(index, -1, -1)][:room]
            assert found.sack == expected, (found, expected)
        c.reset()


@script
def hole_is_filled_in_part(d, connection):
    """RFC 5681 4.2: what fills a hole, or a part of it, is acknowledged at once."""
    c = connection(d, port=7003).open()
    c.raw(ACK, seq=11, data=b"b" * 10)
    c.expect(ACK, ack=1)
    c.raw(ACK, seq=31, data=b"d" * 10)
    c.expect(ACK, ack=1)
    c.raw(ACK, seq=1, data=b"a" * 5)
    c.expect(ACK, ack=6, sack=[(31, 41), (11, 21)])
    c.raw(ACK, seq=6, data=b"a" * 5)
    c.expect(ACK, ack=21, sack=[(31, 41)])
    c.raw(ACK, seq=21, data=b"c" * 10)
    c.expect(ACK, ack=41, sack=[])
    c.reset()


@script
def timestamp_of_the_hole(d, connection):
    """RFC 7323 4.3: the echo is of the last segment that was in order, not of those behind a hole."""
    c = connection(d, port=7003, use_ts=True).open()
    base = c.ts_now()
    c.raw(ACK, seq=1, data=b"a", option=options(ts=(base, c.ts_last)))
    found = wait_for(c, lambda found: found.ack == 2)
    assert found.ts[1] == base & 0xffffffff, (found.ts, base)
    c.raw(ACK, seq=12, data=b"b" * 10, option=options(ts=(base + 1000, c.ts_last)))
    found = c.expect(ACK, ack=2)
    assert found.ts[1] == base & 0xffffffff, (found.ts, base)
    c.raw(ACK, seq=2, data=b"a" * 10, option=options(ts=(base + 500, c.ts_last)))
    found = c.expect(ACK, ack=22)
    assert found.ts[1] == (base + 500) & 0xffffffff, (found.ts, base)
    c.raw(RST, seq=22, option=options(ts=(base + 500, c.ts_last)))


@script
def timestamp_is_missing(d, connection):
    """RFC 7323 3.2 would drop a segment without the option once it is agreed on; both take it."""
    c = connection(d, use_ts=True).open()
    c.raw(ACK | PSH, data=b"bare", option=b"")
    c.seq += 4
    assert c.take(4) == b"bare"
    c.reset()


@script
def reset_with_old_timestamp(d, connection):
    """RFC 7323 5.2: PAWS is not for resets."""
    c = connection(d, use_ts=True).open()
    c.send(b"x")
    c.take(1)
    settle()
    c.raw(RST, option=options(ts=(c.ts_base - 100000, 0)))
    settle()
    c.raw(ACK)
    c.expect(RST, mask=RST)


@script
def syn_ack_echoes(d, connection):
    """RFC 7323 3.2: the SYN|ACK echoes the SYN's timestamp, the segments after it those of ours; ours do not run backwards."""
    c = connection(d, use_ts=True)
    c.raw(0x02, option=options(mss=1460, wscale=7, sack_ok=True, ts=(12345, 0)))
    found = c.expect(0x12)
    assert found.ts[1] == 12345, found.ts
    c.seq, c.ack, c.ts_base = 1, 1, 12400
    last = found.ts[0]
    c.raw(ACK)
    for _ in range(3):
        c.send(b"tick")
        found = wait_for(c, lambda found: found.data)
        assert (found.ts[0] - last) & 0xffffffff < 5000 and found.ts[1] >= 12400, found.ts
        last, c.ack = found.ts[0], c.ack + 4
        c.raw(ACK)
    c.reset()

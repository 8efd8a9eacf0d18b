# SPDX-License-Identifier: MIT
"""Scripts of conformance.py: windows (RFC 9293 3.8.6), probes, silly windows, Nagle, urgent data."""
import time

from packet import ACK, FIN, PSH, SYN, URG, options
from scripts import script, settle
from scripts_state import wait_for


def take_segments(c, count):
    """In order, not acknowledged; c.ack goes on."""
    for _ in range(count):
        found = wait_for(c, lambda found: found.data and found.seq == c.ack)
        assert found, f"the data stopped at {c.ack}"
        c.ack += len(found.data)


@script
def window_shrinks(d, connection):
    """3.8.6: the peer takes back window that was used: nothing new is sent, what is in flight is repeated, and all comes in the end."""
    c = connection(d, port=7002, option=options(mss=1000)).open()
    take_segments(c, 10)
    seen = c.ack
    c.ack = 3001
    c.raw(ACK, window=2000)
    repeated = wait_for(c, lambda found: found.data, 3)
    assert repeated and repeated.seq == 3001, repeated
    end = time.monotonic() + 1
    while time.monotonic() < end:
        found = c.get(0.2)
        assert not found or found.seq + len(found.data) <= seen, found
    c.window = 65535
    c.raw(ACK)
    c.take(20000 - 3000)
    c.reset()


@script
def window_shuts_on_flight(d, connection):
    """The window shuts while data is in flight: it is still repeated or probed for, and goes on when the window opens."""
    c = connection(d, port=7002, option=options(mss=1000)).open()
    take_segments(c, 10)
    c.ack = 3001
    c.window = 0
    c.raw(ACK)
    for _ in range(3):
        found = wait_for(c, lambda found: True, 3)
        assert found and found.seq <= 10001, found
        c.raw(ACK)
    c.window = 65535
    c.raw(ACK)
    c.take(20000 - 3000)
    c.reset()


@script
def zero_window_backoff(d, connection):
    """3.8.6.1: the first probe after a retransmission timeout, the next each later; never given up while they are answered."""
    c = connection(d, port=7002, window=2000, option=options(mss=1000)).open()
    take_segments(c, 2)
    c.window = 0
    c.raw(ACK)
    times = [time.monotonic()]
    while len(times) < 6:
        found = c.get(8)
        assert found and len(found.data) <= 1 and found.seq in (2000, 2001), found
        times.append(time.monotonic())
        c.raw(ACK)
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[0] > 0.15 and all(later > 1.4 * earlier for earlier, later in zip(gaps[1:], gaps[2:])), gaps
    c.window = 65535
    c.raw(ACK)
    c.take(18000)
    c.reset()


@script
def zero_window_probe_opens(d, connection):
    """The update that opened the window was lost: the answer to a probe carries it."""
    c = connection(d, port=7002, window=2000, option=options(mss=1000)).open()
    take_segments(c, 2)
    c.raw(ACK, window=0)
    assert c.get(3)
    c.window = 65535
    c.raw(ACK)
    c.take(18000)
    c.reset()


@script
def zero_window_and_fin(d, connection):
    """The program has closed, its data waits for the window: data and FIN come when it opens."""
    c = connection(d, port=7016, window=1000, option=options(mss=500)).open()
    take_segments(c, 2)
    c.window = 0
    c.raw(ACK)
    for _ in range(2):
        found = c.get(3)
        assert found and len(found.data) <= 1 and found.seq <= 1001, found
        c.raw(ACK)
    c.window = 65535
    c.raw(ACK)
    c.take(2000)
    found = wait_for(c, lambda found: found.flags & FIN, 3)
    assert found, "no FIN came"
    c.ack = 3002
    c.send(b"", FIN | ACK)
    c.expect(ACK, ack=2)


@script
def sender_avoids_silly_window(d, connection):
    """3.8.6.2.1: a window that opens by a few bytes is not filled at once."""
    c = connection(d, port=7002, option=options(mss=1000)).open()
    take_segments(c, 10)
    c.raw(ACK, window=10)
    found = c.get(0.12)
    assert found is None or not found.data, found
    # The override (a probe of the window) may use what there is.
    found = wait_for(c, lambda found: True, 3)
    assert found and len(found.data) <= 10, found
    c.reset()


@script
def nagle(d, connection):
    """3.7.4: a second small segment waits for the acknowledgement of the first, and takes the third along."""
    c = connection(d, port=7014).open()
    found = c.expect(ACK)
    assert found.data == b"a", found
    found = c.get(0.12)
    assert found is None, found
    c.ack = 2
    c.raw(ACK)
    found = c.expect(ACK)
    assert found.data == b"bc", found
    c.ack = 4
    c.raw(ACK)
    c.reset()


@script
def old_segment_has_no_window(d, connection):
    """3.10.7.4, fifth: SND.WL1 and SND.WL2: an older segment does not change the window."""
    c = connection(d, port=7002, window=4000, option=options(mss=1000)).open()
    take_segments(c, 4)
    c.send(b"x", ACK)
    c.raw(ACK, seq=c.seq - 1, ack=2001, window=60000)      # old: both numbers
    end = c.ack + 4000
    settle()
    found = True
    seen = 0
    while found := c.get(0.12):
        seen = max(seen, found.seq + len(found.data))
    assert seen <= end, (seen, end)
    c.reset()


@script
def edge_never_moves_back(d, connection):
    """3.8.6: the window we are promised is kept, also when it shuts in odd pieces."""
    c = connection(d, port=7003, option=options(mss=1460)).open()
    edge = 1 + c.answer.window
    for size in (1, 7, 1460, 536, 3, 1459, 2, 1460) * 6:
        if c.seq + size > edge:
            break
        c.send(b"e" * size)
        while found := c.get(0.01):
            assert found.ack + found.window >= edge, (found, edge)
            edge = found.ack + found.window
    c.reset()


@script
def beyond_the_edge(d, connection):
    """3.10.7.4, first: of a segment across the edge at most what the window has is owed; nothing is taken that was not in it."""
    c = connection(d, port=7003, option=options(mss=1460)).open()
    edge = 1 + c.answer.window
    while c.seq + 1460 <= edge - 100:
        c.send(b"w" * 1460)
        while found := c.get(0.0):
            edge = max(edge, found.ack + found.window)
        if c.seq > 3 << 20:
            break
    while found := c.get(0.3):
        edge = max(edge, found.ack + found.window)
    start = c.seq
    c.raw(ACK | PSH, seq=edge + 1, data=b"o" * 1000)       # wholly outside
    found = c.expect(ACK)
    assert found.ack == start and found.ack + found.window >= edge, (found, edge)
    c.raw(ACK | PSH, data=b"o" * (edge - start))
    found = wait_for(c, lambda found: found.ack == edge, 1)
    assert found, "what fitted exactly was not taken"
    c.reset()


@script
def window_reopens(d, connection):
    """3.8.6.2.2: when the program reads at last, the open window is said without being asked for, by a segment or more."""
    c = connection(d, port=7015, option=options(mss=1460)).open()
    edge = 1 + c.answer.window
    while True:
        size = min(1460, edge - c.seq)
        if size > 0:
            c.send(b"r" * size)
        found = c.get(0.0 if size > 0 else 0.3)
        if found:
            edge = max(edge, found.ack + found.window)
        elif size <= 0:
            break
        assert c.seq < 8 << 20
    found = wait_for(c, lambda found: found.ack + found.window >= c.seq + 1460, 3)
    assert found and found.ack == c.seq, found
    c.send(b"again")
    assert wait_for(c, lambda found: found.ack == c.seq)
    c.reset()


@script
def delayed_ack_of_two(d, connection):
    """3.8.6.3: two full segments are acknowledged without the delay of one; at the latest with the delay."""
    c = connection(d, port=7003).open()
    for _ in range(6):
        c.send(b"d" * 1460, ACK)
        c.send(b"d" * 1460, ACK)
        assert wait_for(c, lambda found: found.ack == c.seq, 0.5)
    c.reset()


# -- urgent data (3.8.5, RFC 6093) ----------------------------------------------------------------------------------------

@script
def urgent_sent(d, connection):
    """RFC 6093 3.1: as everywhere, the pointer says the byte behind the urgent one."""
    c = connection(d, port=7013).open()
    data, pointer = b"", None
    while len(data) < 3:
        found = c.get()
        assert found, f"{data} came"
        if found.seq == c.ack and found.data:
            data += found.data
            c.ack += len(found.data)
            c.raw(ACK)
        if found.flags & URG:
            pointer = found.seq + found.urgent
    assert data == b"abX" and pointer == 4, (data, pointer)
    assert c.is_open()
    c.reset()


@script
def urgent_in_two_parts(d, connection):
    """The mark comes before its byte: the byte is out of band nevertheless."""
    c = connection(d, port=7011).open()
    c.raw(ACK | PSH | URG, data=b"abcX", urgent=4)
    c.seq += 4
    assert c.take(5) == b"abc,X"
    c.raw(ACK | PSH | URG, data=b"def", urgent=5)
    c.seq += 3
    data = c.take(3)
    c.raw(ACK | PSH | URG, data=b"gYhi", urgent=2)
    c.seq += 4
    data += c.take(3)
    assert data == b"defghi", data
    c.reset()


@script
def urgent_behind_hole(d, connection):
    """The urgent segment overtakes: the byte is there when the hole is filled."""
    c = connection(d, port=7011).open()
    c.raw(ACK | PSH | URG, seq=3, data=b"cX", urgent=2)
    settle()
    c.raw(ACK | PSH, seq=1, data=b"ab")
    c.seq = 5
    assert c.take(5) == b"abc,X"
    c.reset()


@script
def urgent_pointer_zero(d, connection):
    """RFC 6093: a pointer of 0 points at no byte of the segment."""
    c = connection(d, port=7001).open()
    c.raw(ACK | PSH | URG, data=b"abc", urgent=0)
    c.seq += 3
    found = wait_for(c, lambda found: found.data)
    assert found and found.data == d.differs(samara=b"abc", linux=b"bc"), found
    c.reset()


@script
def push_where_a_write_ends(d, connection):
    """3.9.1: the end of a write is pushed, that of one that says that more comes is not; and so it stays when it is sent again."""
    c = connection(d, port=7022).open()
    for data, ours, is_pushed in ((b"more", b"x", 0), (b"y", b"y", PSH)):
        c.send(ours)
        for _ in range(2):
            found = c.get()
            while not found.data:
                found = c.get()
            assert found.data == data and found.flags & PSH == is_pushed, found
        c.ack += len(data)
        c.raw(ACK)
    c.reset()

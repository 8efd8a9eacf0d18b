# SPDX-License-Identifier: MIT
"""Scripts of conformance.py for TCP Fast Open (RFC 7413)."""
from packet import ACK, FIN, PSH, RST, SYN, options
from scripts import active, script

PORT, CLIENT = 7017, 7018


def syn(c, cookie, data=b"", is_exp=False):
    """A SYN of ours with this cookie and data; the answer."""
    c.raw(SYN, data=data, option=options(mss=1460, sack_ok=True, cookie=cookie, is_exp=is_exp))
    answer = c.expect(SYN | ACK)
    c.seq, c.ack = answer.ack, 1
    return answer


def get_cookie(d, connection, is_exp=False):
    c = connection(d, port=PORT)
    answer = syn(c, b"", is_exp=is_exp)
    assert answer.ack == 1 and answer.cookie and answer.is_exp == is_exp, (answer, answer.cookie)
    c.raw(ACK)
    c.send(b"as ever")
    assert c.take(7) == b"as ever"
    c.reset()
    return answer.cookie


@script
def fastopen_server(d, connection):
    """4.1.2, 4.2: who asks gets a cookie; with it the data of a SYN is taken, and answered before the handshake is over."""
    for is_exp in (False, True):
        cookie = get_cookie(d, connection, is_exp)
        assert get_cookie(d, connection, is_exp) == cookie
        c = connection(d, port=PORT)
        answer = syn(c, cookie, b"early", is_exp)
        assert answer.ack == 6 and answer.cookie is None, (answer, answer.cookie)
        found = c.expect(ACK, ack=6, seq=1)
        assert found.data == b"early", found
        c.ack = 6
        c.raw(ACK)
        assert c.is_open()
        c.reset()


@script
def fastopen_wrong_cookie(d, connection):
    """4.1.2: a wrong cookie is answered with the right one, and only the SYN is acknowledged; the data comes again."""
    c = connection(d, port=PORT)
    answer = syn(c, b"notright", b"early")
    assert answer.ack == 1 and answer.cookie and answer.cookie != b"notright", (answer, answer.cookie)
    c.raw(ACK)
    c.send(b"later")
    assert c.take(5) == b"later"
    c.reset()


@script
def fastopen_no_option(d, connection):
    """Data in a SYN without a cookie is not taken; neither is it by a listener that does not know Fast Open."""
    for port, cookie in ((PORT, None), (7001, get_cookie(d, connection))):
        c = connection(d, port=port)
        answer = syn(c, cookie, b"early")
        assert answer.ack == 1 and answer.cookie is None, (answer, answer.cookie)
        c.raw(ACK)
        assert c.is_open()
        c.reset()


@script
def fastopen_odd_options(d, connection):
    """4.1.1: a cookie has 4 to 16 bytes, an even number; what has not is no option at all."""
    for cookie in (b"odd", b"12", b"seventeen bytes!!"):
        c = connection(d, port=PORT)
        answer = syn(c, cookie)
        assert answer.ack == 1 and answer.cookie is None, (cookie, answer.cookie)
        c.reset()


@script
def fastopen_syn_ack_lost(d, connection):
    """The answer to a SYN with data is repeated, and goes on acknowledging the data; a FIN in the SYN-RECEIVED state counts."""
    cookie = get_cookie(d, connection)
    c = connection(d, port=PORT)
    syn(c, cookie, b"early")
    while not (found := c.get()).flags & SYN:
        assert found.data == b"early", found
    assert found.ack == 6, found
    c.ack = 6
    c.raw(FIN | ACK)
    c.seq += 1
    while not (found := c.get()).flags & FIN:
        pass
    assert found.ack == 7, found
    c.reset()


@script
def fastopen_reset(d, connection):
    """A reset in SYN-RECEIVED ends the connection alone."""
    cookie = get_cookie(d, connection)
    c = connection(d, port=PORT)
    syn(c, cookie, b"early")
    c.expect(ACK)
    c.raw(RST | ACK)
    c.silent(1.5)
    get_cookie(d, connection)


@script
def fastopen_client(d, connection):
    """4.2: the first SYN asks, the data follows; the second has the data; what is not acknowledged with it comes again."""
    c = active(d, connection, CLIENT)
    # Another script, or the other family's address, may have been here before.
    if not c.first.data:
        assert c.first.cookie == b"" and not c.first.is_exp, c.first.cookie
        c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460, sack_ok=True, cookie=b"cookie01"))
        c.seq, c.ack = 1, 1
        found = c.get()
        while not found.data:
            found = c.get()
        assert found.data == b"hello" and found.seq == 1, found
        c.reset()
    for acked in (6, 1):
        c = active(d, connection, CLIENT)
        assert c.first.cookie == b"cookie01" and c.first.data == b"hello", (c.first, c.first.cookie)
        c.raw(SYN | ACK, seq=0, ack=acked, option=options(mss=1460, sack_ok=True))
        c.seq, c.ack = 1, acked
        found = c.expect(ACK, ack=1, seq=acked)
        assert found.data == (b"hello" if acked == 1 else b""), found
        c.ack = 6
        c.raw(ACK)
        assert c.is_open()
        c.reset()


@script
def fastopen_client_timeout(d, connection):
    """4.1.3.1: the SYN is sent again without data and option; the data follows as ever."""
    c = active(d, connection, CLIENT)
    if not c.first.data:
        c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460, cookie=b"cookie01"))
        c.seq, c.ack = 1, 1
        c.reset()
        c = active(d, connection, CLIENT)
    assert c.first.data == b"hello", c.first
    found = c.expect(SYN, seq=0)
    assert not found.data and found.cookie is None, (found, found.cookie)
    c.raw(SYN | ACK, seq=0, ack=1, option=options(mss=1460))
    c.seq, c.ack = 1, 1
    found = c.get()
    while not found.data:
        found = c.get()
    assert found.data == b"hello" and found.seq == 1, found
    c.reset()


@script
def fastopen_close(d, connection):
    """The application answers and closes before the handshake is over: the SYN-ACK, which is what lacks, is repeated, and then all comes."""
    cookie = get_cookie(d, connection)
    c = connection(d, port=7019)
    syn(c, cookie, b"early")
    data = b""
    while not (found := c.get()).flags & FIN:
        data += found.data
    data += found.data
    assert data == b"early", data
    found = c.get(3)
    while found and not found.flags & SYN:
        found = c.get(3)
    assert found and found.ack == 6, found
    c.ack = 1
    c.raw(ACK)
    found = c.get()
    while not found.flags & FIN:
        found = c.get()
    c.ack = 7
    c.raw(FIN | ACK)
    c.reset()

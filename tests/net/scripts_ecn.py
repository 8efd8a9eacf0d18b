# SPDX-License-Identifier: MIT
"""Scripts of conformance.py for ECN: RFC 3168 section 6.1."""
from packet import ACK, PSH, SYN
from scripts import script

ECE, CWR = 0x40, 0x80
NOT_ECT, ECT0, CE = 0, 2, 3


@script
def ecn_not_asked(d, connection):
    """6.1.1: without a question there is no answer, and nothing is marked."""
    c = connection(d).open()
    assert not c.answer.flags & (ECE | CWR), hex(c.answer.flags)
    c.send(b"plain", tos=CE)
    while not (found := c.get()).data:
        assert not found.flags & ECE
    assert found.tos & 3 == NOT_ECT and not found.flags & (ECE | CWR), (found, found.tos)
    c.reset()


@script
def ecn_asked(d, connection):
    """6.1.1: ECE and CWR ask, ECE alone agrees; neither is marked."""
    c = connection(d).open(SYN | ECE | CWR)
    assert c.answer.flags & (ECE | CWR) == ECE and c.answer.tos & 3 == NOT_ECT, (hex(c.answer.flags), c.answer.tos)
    c.reset()


@script
def ecn_half_asked(d, connection):
    """One of the two flags is no question."""
    for flags in (ECE, CWR):
        c = connection(d).open(SYN | flags)
        assert not c.answer.flags & (ECE | CWR), hex(c.answer.flags)
        c.reset()


def until_data(c, size):
    """Flags and marks of all segments until `size` bytes have come, each acknowledged."""
    flags, bare, full, got = [], [], [], 0
    while got < size:
        found = c.get()
        assert found, "nothing came"
        flags.append(found.flags & (ECE | CWR))
        (full if found.data else bare).append(found.tos & 3)
        got += len(found.data)
        if found.data:
            c.ack = found.seq + len(found.data)
            c.raw(ACK)
    return flags, bare, full


@script
def ecn_receiver(d, connection):
    """6.1.3: ECE in everything after CE, until CWR; data is marked, bare acknowledgements are not."""
    c = connection(d).open(SYN | ECE | CWR)
    c.send(b"before", tos=ECT0)
    flags, bare, full = until_data(c, 6)
    assert not any(flags) and set(full) == {ECT0} and set(bare) <= {NOT_ECT}, (flags, bare, full)
    c.send(b"marked", tos=CE)
    flags, bare, full = until_data(c, 6)
    assert set(flags) == {ECE} and set(full) == {ECT0} and set(bare) <= {NOT_ECT}, (flags, bare, full)
    c.send(b"not marked", tos=ECT0)
    flags = until_data(c, 10)[0]
    assert set(flags) == {ECE}, flags
    c.send(b"reduced", ACK | PSH | CWR, tos=ECT0)
    flags = until_data(c, 7)[0]
    assert not any(flags), flags
    c.reset()


@script
def ecn_sender(d, connection):
    """6.1.2: after ECE the next new data, and only it, says CWR; what is sent again is not marked (6.1.5)."""
    c = connection(d, port=7002).open(SYN | ECE | CWR)
    first = c.expect(ACK)
    assert first.data and first.tos & 3 == ECT0 and not first.flags & CWR
    end = first.seq + len(first.data)
    while found := c.get(0.15):  # a tail loss probe may be among them, new or not
        assert found.tos & 3 == (ECT0 if found.seq == end else NOT_ECT), (found, found.tos)
        end = max(end, found.seq + len(found.data))
        if found.seq == first.seq:
            break
    c.raw(ACK | ECE, ack=end)
    found = c.expect(ACK)
    assert found.seq == end and found.flags & CWR and found.tos & 3 == ECT0, (found, hex(found.flags))
    start = found
    again = False
    for _ in range(60):
        found = c.get(2)
        if not found or found.seq == start.seq:
            again = found
            break
        assert not found.flags & CWR or found.tos & 3 == NOT_ECT, (found, hex(found.flags))
    assert again and again.tos & 3 == NOT_ECT, again
    c.reset()

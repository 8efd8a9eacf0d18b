# SPDX-License-Identifier: MIT
"""Attacks of few packets, for floods.py: while they last a new connection must be made and served.

How soon is judged by what the guest does, not by a clock: with each burst of the attack goes an echo request, and the next burst follows when the
guest has answered it, and so has worked through all that came before. A connection may take so many of these turns, whatever the host does.
"""
import conformance
import link
import support
from packet import ACK, FIN, PSH, SYN, options, read_tcp, tcp_bytes, udp_bytes
from scripts_martian import echo_request, send

BURST, TURNS, ROUNDS = 16, 300, 5
ECHO, REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}


def take_turn(d, number, c, found):
    """One echo round trip; segments of c that come meanwhile go to found."""
    body = bytearray(echo_request(d, d.us, d.them))
    body[-2:] = number.to_bytes(2, "big")
    total = int.from_bytes(body[2:4], "big") + 0x7878 - number     # the two bytes were "xx": RFC 1624
    total = (total & 0xffff) + (total >> 16)
    body[2:4] = ((total & 0xffff) + (total >> 16)).to_bytes(2, "big")
    send(d, d.us, d.them, 1 if d.family == 4 else 58, bytes(body))

    def wanted(proto, payload):
        if proto == 6:
            segment = read_tcp(payload)
            if (segment.sport, segment.dport) == (c.port, c.sport):
                found.append(segment)
        elif proto in (1, 58) and payload[0] == REPLY[d.family] and payload[-2:] == number.to_bytes(2, "big"):
            return True
        return None
    assert d.receive(wanted, conformance.LONG), "the guest does not answer any more"


def serve(d, attack):
    """Make a connection and have five bytes back during the attack: the turns that it took."""
    c, found, turns = conformance.Connection(d), [], 0

    def wait_for(is_it):
        nonlocal turns
        while True:
            attack()
            take_turn(d, turns, c, found)
            turns += 1
            for segment in found:
                if is_it(segment):
                    found.clear()
                    return segment
            assert turns <= TURNS, f"not served in {turns} turns of {BURST} packets"
    c.raw(SYN, option=c.syn_options)
    c.irs = wait_for(lambda segment: segment.flags & (SYN | ACK) == SYN | ACK).seq
    c.seq = c.ack = 1
    c.send(b"alive")
    assert wait_for(lambda segment: segment.data).data == b"alive"
    c.reset()
    return turns


def land(d):
    """From an address and a port to itself: the listener's, a closed one, of a group of flags each."""
    def attack():
        for index in range(BURST):
            port, flags = (7001, 999)[index & 1], (SYN, SYN | ACK, ACK, FIN | ACK)[index >> 1 & 3]
            send(d, d.them, d.them, 6, tcp_bytes(d.them, d.them, port, port, 1000 + index, 0, flags, 1000, options(mss=1460) if flags == SYN else b""))
    return attack


def martians(d):
    """From where nobody is: SYNs, datagrams to a closed port, echo requests."""
    sources = {4: (d.them, "127.0.0.1", "10.9.0.255", "224.0.0.5", "255.255.255.255", "0.0.0.0"), 6: (d.them, "::1", "ff02::1", "::", "::ffff:10.9.0.1")}[d.family]

    def attack():
        for index in range(BURST):
            src = sources[index % len(sources)]
            send(d, src, d.them, 6, tcp_bytes(src, d.them, 5000 + index, 7001, index, 0, SYN, 1000, options(mss=1460)))
            send(d, src, d.them, 17, udp_bytes(src, d.them, 5000, 999, b"abcd"))
            send(d, src, d.them, 1 if d.family == 4 else 58, echo_request(d, src, d.them))
    return attack


def repeated_syns(d):
    """The SYN of a handshake that never ends, again and again."""
    c = conformance.Connection(d).half_open()

    def attack():
        for _ in range(BURST):
            c.raw(SYN, seq=0, option=c.syn_options)
    return attack


def data_after_end(d):
    """Data on a connection of which both directions are shut."""
    c = conformance.Connection(d, port=7004).open()
    c.expect(FIN | ACK, seq=1)
    c.ack = 2
    c.raw(ACK)

    def attack():
        for _ in range(BURST):
            c.send(b"ghost")
    return attack


ATTACKS = {"land": land, "martians": martians, "repeated-syns": repeated_syns, "data-after-end": data_after_end}


def run(names):
    """Those named, or all, over both families: 0, or 1 if one failed."""
    failed = 0
    for family in (4, 6):
        tests = {f"wire-{name}-ipv{family}": attack for name, attack in ATTACKS.items()}
        chosen = [test for test in tests if not names or test in names or test[:-5] in names]
        if not chosen:
            continue
        end = link.SocketEnd()
        guest = conformance.start("samara", "arm64", end)
        try:
            end.accept()
            guest.wait_for("ready")
            driver = conformance.Driver(end, "samara", family, False)
            driver.find()

            def prepared(make, driver=driver):
                def test():
                    attack = make(driver)
                    return f"served in {[serve(driver, attack) for _ in range(ROUNDS)]} turns of at most {TURNS}"
                return test
            failed |= support.run_tests({name: prepared(make) for name, make in tests.items()}, chosen)
        finally:
            guest.stop()
    return failed

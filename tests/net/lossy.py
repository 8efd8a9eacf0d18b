#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TCP over a bad link: what arrives must be what was sent, whatever is lost, doubled, late or overtaken.

  tests/net/lossy.py [--bytes N] [--loss PERCENT,...] [--peer linux|samara] [--cpus N] [--seconds N]

The link is relay.py between QEMU's socket back end and a peer: the kernel of this machine behind a tap of a namespace
of the test's own, or a second Samara. Each loss is run over IPv4 and IPv6, to the guest and from it; frames are lost in
both directions, 1 % are doubled and 5 % overtaken when anything is lost, and the delay is 0.5 to 1.5 ms. CRC-32 of both
sides are compared.
"""
import argparse
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib

import link
import relay
import support

ADDRESS = {4: "10.9.0.2", 6: "fd09::2"}
IP = "10.9.0.2:::255.255.255.0::eth0:off,[fd09::2]/64"
PEER_IP = "10.9.0.1:::255.255.255.0::eth0:off,[fd09::1]/64"
PORT = 7000


def connect(family):
    """A connection to the guest; the frames that find its neighbour may be lost, so it is tried again."""
    for attempt in range(30):
        s = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            s.settimeout(60)
            s.connect((ADDRESS[family], PORT))
            return s
        except OSError:
            s.close()
            if attempt == 29:
                raise
            time.sleep(0.5)
    return None


def client(family, direction, size, seconds):
    """The peer's side of one transfer; (bytes, crc)."""
    end = time.monotonic() + seconds
    with connect(family) as s:
        s.settimeout(seconds)
        crc, done = 0, 0
        if direction == "to":
            s.sendall(b"R" + struct.pack(">Q", size))
            while done < size:
                part = os.urandom(min(1 << 18, size - done))
                s.sendall(part)
                crc, done = zlib.crc32(part, crc), done + len(part)
            assert s.recv(1) == b"\0", "the guest did not take it all"
        else:
            s.sendall(b"S" + struct.pack(">Q", size))
            while done < size:
                part = s.recv(min(1 << 18, size - done))
                assert part, f"the connection ended after {done} bytes"
                crc, done = zlib.crc32(part, crc), done + len(part)
                assert time.monotonic() < end, f"{done} bytes in {seconds} s"
            s.sendall(b"\0")
        return f"{size} {crc:08x}"


def link_words(loss):
    """The arguments of the relay for a share of loss."""
    if loss == 0:
        return {"delay": (0.0, 0.0)}
    return {"loss": loss, "duplicate": 0.01, "reorder": 0.05, "delay": (0.0005, 0.0015)}


def transfer(options, loss, family, direction, attempt=0):
    program = support.compile_guest("bulk")
    here = link.SocketEnd()
    peer = guest = second = None
    report = os.path.join(support.WORK, f"relay-{os.getpid()}")
    if options.peer == "linux":
        there = link.TapEnd("tap0", "10.9.0.1/24", "fd09::1/64")
    else:
        there = link.SocketEnd()
    start = time.monotonic()
    try:
        peer = relay.Relay(here, there, seed=int(loss * 1000) + family + 100 * attempt, **link_words(loss)).fork(report)
        guest = support.Guest(["--cpus", str(options.cpus), "--net", here.option, "--ip", IP, *(["--pcap", options.pcap] if options.pcap else [])], program, ["serve", str(PORT), "1"])
        verb = {"to": "received", "from": "sent"}[direction]
        if options.peer == "samara":
            second = support.Guest(["--cpus", str(options.cpus), "--net", there.option, "--ip", PEER_IP], program,
                                   [{"to": "send", "from": "recv"}[direction], ADDRESS[family], str(PORT), str(options.bytes)])
            guest.wait_for("ready")
            theirs = second.wait_for({"to": "sent ", "from": "received "}[direction], options.seconds).split(" ", 1)[1]
        else:
            guest.wait_for("ready")
            theirs = client(family, direction, options.bytes, options.seconds)
        ours = guest.wait_for(verb + " ", options.seconds).split(" ", 1)[1]
        took = time.monotonic() - start
        assert ours == theirs, f"guest {ours}, peer {theirs}"
    finally:
        for machine in (guest, second):
            if machine:
                machine.stop()
        if peer:
            time.sleep(0.2)
            os.kill(peer, signal.SIGKILL) if os.waitpid(peer, os.WNOHANG)[0] == 0 else None
        if isinstance(there, link.TapEnd):
            os.close(there.fd)
    counts = open(report, encoding="utf-8").read() if os.path.exists(report) else "relay still up"
    return f"{ours}, {options.bytes / took / 1e6:.2f} MB/s with the boot; {counts}"


def patient(options, loss, family, direction):
    """A transfer; then with other losses, twice, for two rare things on a link that loses a fifth: a machine whose program has ended leaves when its peer has said
    nothing for 4 s (net/drain.c), which is two retransmissions if the handshake gave no round trip; and seven lost SYNs back off for two minutes."""
    for attempt in range(3):
        try:
            return transfer(options, loss, family, direction, attempt)
        except AssertionError as error:
            if not loss or attempt == 2 or "nothing printed" not in str(error):
                raise
            print(f"again, with other losses: {error}", flush=True)
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bytes", type=int, default=1 << 20)
    parser.add_argument("--loss", default="0,5")
    parser.add_argument("--peer", choices=("linux", "samara"), default="linux")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--pcap", metavar="FILE", help="record what the guest sees (of the last transfer)")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    support.compile_guest("bulk")
    if options.peer == "linux":
        link.enter_namespace()
    tests = {}
    for percent in options.loss.split(","):
        for family in (4, 6):
            for direction in ("to", "from"):
                tests[f"{percent}%-ipv{family}-{direction}-guest"] = (
                    lambda loss=float(percent) / 100, f=family, d=direction: patient(options, loss, f, d))
    return support.run_tests(tests, options.tests)


if __name__ == "__main__":
    sys.exit(main())

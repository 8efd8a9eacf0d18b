#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A path that loses nothing, but is long or lets frames overtake each other: how much does a sender send again?

  tests/net/late.py [--on samara|linux|both] [--bytes N] [--times N] [--most N] [NAME...]

The guest, Samara or Debian's Linux on the same QEMU, sends to the kernel of this machine behind a tap of a namespace of
the test's own, through relay.py, which counts the segments that begin before what was sent already, and
those that do not follow what came before: what lies between was lost in the sender's own machine. --most: it fails when
more are sent again.
"""
import argparse
import os
import signal
import struct
import sys
import time

import link
import lossy
import relay
import support

PATHS = {
    "delay-100ms": {"delay": (0.05, 0.05)},
    "rtt-200ms": {"delay": (0.1, 0.1)},
    "reorder-10%": {"reorder": 0.1, "delay": (0.0005, 0.0015)},
    "jitter-20ms": {"delay": (0.01, 0.03)},
}


class Counter(relay.Relay):
    """Counts what the first end sends from PORT: segments with data, and those of them that are sent again."""

    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        self.counts.update(segments=0, again=0, missing=0)
        self.newest = None

    def take(self, frame, target, now):
        if target is self.ends[1]:
            self.look(frame)
        super().take(frame, target, now)

    def look(self, frame):
        if frame[12:14] == b"\x08\x00" and frame[23] == 6:
            at, size = 14 + (frame[14] & 15) * 4, struct.unpack_from(">H", frame, 16)[0] + 14
        elif frame[12:14] == b"\x86\xdd" and frame[20] == 6:
            at, size = 54, struct.unpack_from(">H", frame, 18)[0] + 54
        else:
            return
        sport, _, seq = struct.unpack_from(">HHI", frame, at)
        size -= at + (frame[at + 12] >> 4) * 4
        if sport != lossy.PORT or not size:
            return
        self.counts["segments"] += 1
        if self.newest is not None and (seq - self.newest) & 0x80000000:
            self.counts["again"] += 1
        else:
            self.counts["missing"] += self.newest not in (None, seq)
            self.newest = (seq + size) & 0xffffffff


def transfer(options, kernel, name, family, attempt):
    program = support.compile_guest("bulk")
    here, there = link.SocketEnd(), link.TapEnd("tap0", "10.9.0.1/24", "fd09::1/64")
    report = os.path.join(support.WORK, f"relay-{os.getpid()}")
    guest = None
    child = Counter(here, there, seed=attempt + 1, **PATHS[name]).fork(report)
    try:
        if kernel == "samara":
            guest = support.Guest(["--cpus", str(options.cpus), "--net", here.option, "--ip", lossy.IP, *(["--pcap", options.pcap] if options.pcap else [])],
                                  program, ["serve", str(lossy.PORT), "1"])
        else:
            guest = support.LinuxGuest(here.option, ["10.9.0.2/24", "fd09::2/64"], program, cpus=options.cpus)
        guest.wait_for("ready", 120)
        start = time.monotonic()
        theirs = lossy.client(family, "from", options.bytes, options.seconds)
        took = time.monotonic() - start
        assert guest.wait_for("sent ", options.seconds).split(" ", 1)[1] == theirs
    finally:
        if guest:
            guest.stop()
        time.sleep(0.2)
        if os.waitpid(child, os.WNOHANG)[0] == 0:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(there.fd)
    with open(report, encoding="utf-8") as handle:
        counts = dict((word.split()[1], int(word.split()[0])) for word in handle.read().split(", "))
    return counts["missing"], counts["again"], took


def run(options, kernel, name, family):
    again, missing, took = [], [], []
    for attempt in range(options.times):
        holes, n, seconds = transfer(options, kernel, name, family, attempt)
        missing.append(holes)
        again.append(n)
        took.append(seconds)
    assert options.most is None or max(again) <= options.most, f"{again} segments sent again"
    holes = f", {' '.join(map(str, missing))} holes of its own making" if any(missing) else ""
    return f"sent again {' '.join(map(str, again))}{holes}; {' '.join(f'{s:.1f}' for s in took)} s"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", choices=("samara", "linux", "both"), default="samara")
    parser.add_argument("--bytes", type=int, default=8 << 20)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--most", type=int)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--family", default="4")
    parser.add_argument("--pcap", metavar="FILE", help="record what the guest sees (of the last transfer)")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    support.compile_guest("bulk")
    if options.on != "samara":
        from harness import linux  # pylint: disable=import-outside-toplevel,import-error
        linux.kernel()  # fetched now, with a network
    link.enter_namespace()
    tests = {}
    for kernel in ("samara", "linux") if options.on == "both" else (options.on,):
        for name in PATHS:
            for family in map(int, options.family.split(",")):
                tests[f"{name}-ipv{family}-{kernel}"] = lambda k=kernel, n=name, f=family: run(options, k, n, f)
    wanted = [t for t in tests if t.startswith(tuple(options.tests))] if options.tests else []
    return support.run_tests(tests, wanted)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TCP by the segment: scripts send segments that we make ourselves and check the answers.

  tests/net/conformance.py [--on samara|linux|both] [--arch x86_64] [--verbose] [SCRIPT...]

On Samara, or on Debian's Linux as a guest of the same QEMU, over QEMU's socket back end (no rights needed). Each script runs over IPv4 and
IPv6. The program under test is scripted.c. Where the two answer differently, the script has both answers (`differs`), and docs/network-tests.md
says why.
"""
import argparse
import concurrent.futures
import os
import random
import sys
import time

import link
import support
from harness.pace import Pace
from packet import ACK, FIN, PSH, RST, SYN, URG, Host, options, read_tcp, tcp_bytes, udp_bytes
from scripts import LAST, ONLY, SCRIPTS
import scripts_state  # noqa: F401: each adds its own
import scripts_window  # noqa: F401
import scripts_ecn  # noqa: F401
import scripts_fastopen  # noqa: F401
import scripts_loss  # noqa: F401
import scripts_hostile  # noqa: F401
import scripts_ip  # noqa: F401
import scripts_martian  # noqa: F401

THEM = {4: "10.9.0.2", 6: "fd09::2"}
US = {4: "10.9.0.1", 6: "fd09::1"}
ALSO_US = {4: "10.9.0.3", 6: "fd09::3"}
LONG = 20.0  # seconds, for what must come
IP = "10.9.0.2:::255.255.255.0::eth0:off,[fd09::2]/64"


class Driver:
    """One side of the link, that is ours, and what the scripts know of the other."""

    def __init__(self, end, kernel, family, verbose):
        self.host = Host(end, {US[family], ALSO_US[family]})
        self.kernel, self.verbose, self.family = kernel, verbose, family
        self.us, self.also_us, self.them = US[family], ALSO_US[family], THEM[family]
        self.port, self.waiting = random.randrange(10000, 20000), []

    def find(self):
        """The neighbour."""
        end = time.monotonic() + LONG
        while THEM[self.family] not in self.host.macs:
            self.host.resolve(US[self.family], THEM[self.family])
            self.host.poll(0.3)
            assert time.monotonic() < end, f"no neighbour {THEM[self.family]}"

    def differs(self, **answers):
        """What this kernel is expected to do, of samara=..., linux=..."""
        return answers[self.kernel]

    def send_tcp(self, sport, dport, seq, ack, flags, window=65535, option=b"", data=b"", urgent=0, tos=0):
        us, them = US[self.family], THEM[self.family]
        segment = tcp_bytes(us, them, sport, dport, seq, ack, flags, window, option, data, urgent)
        if self.verbose:
            print("   >", read_tcp(segment))
        self.host.send_ip(us, them, 6, segment, tos=tos)

    def send_packet(self, packet):
        """An IP packet as it is."""
        self.host.transmit(self.host.macs[self.them], 0x86dd if self.family == 6 else 0x0800, packet)

    def send_udp(self, sport, dport, data):
        us, them = US[self.family], THEM[self.family]
        self.host.send_ip(us, them, 17, udp_bytes(us, them, sport, dport, data))

    def send_icmp(self, body):
        us, them = US[self.family], THEM[self.family]
        if self.family == 6:
            self.host.icmp6(us, them, body, self.host.macs[them])
        else:
            from packet import checksum
            total = checksum(body)
            self.host.send_ip(us, them, 1, body[:2] + bytes((total >> 8, total & 255)) + body[4:])

    def receive(self, wanted, seconds):
        """The first packet for which wanted(proto, payload) is not None; what it returned. None: nothing in time."""
        end = time.monotonic() + seconds
        while True:
            for index, (proto, payload) in enumerate(self.waiting):
                found = wanted(proto, payload)
                if found is not None:
                    del self.waiting[:index + 1]
                    return found
            self.waiting.clear()
            left = end - time.monotonic()
            if left <= 0:
                return None
            for proto, src, _, payload in self.host.poll(left):
                if src == THEM[self.family]:
                    self.waiting.append((proto, payload))
                    if self.verbose and proto == 6:
                        print("   <", read_tcp(payload))

    def segment(self, sport, dport, seconds):
        """The next segment from their dport to our sport."""
        def wanted(proto, payload):
            if proto != 6:
                return None
            found = read_tcp(payload)
            return found if (found.sport, found.dport) == (dport, sport) else None
        return self.receive(wanted, seconds)

    def datagram(self, sport, seconds):
        def wanted(proto, payload):
            return payload[8:] if proto == 17 and payload[2:4] == sport.to_bytes(2, "big") else None
        return self.receive(wanted, seconds)

    def next_port(self):
        self.port = self.port + 1 if self.port < 60000 else 10000
        return self.port


class Connection:
    """A connection of ours with the program under test; all numbers relative to the initial ones."""

    def __init__(self, driver, port=7001, sport=None, window=65535, use_ts=False, option=None):
        self.driver, self.port, self.sport = driver, port, sport or driver.next_port()
        self.iss, self.irs = random.randrange(1 << 32), None
        self.window, self.seq, self.ack, self.use_ts = window, 0, 0, use_ts
        self.ts_last = 0
        self.ts_base = random.randrange(1 << 31)
        self.started = time.monotonic()
        self.syn_options = options(mss=1460, wscale=7, sack_ok=True, ts=(self.ts_now(), 0) if use_ts else None) if option is None else option
        self.scale = 0

    def ts_now(self):
        return self.ts_base + int((time.monotonic() - self.started) * 1000)

    def raw(self, flags, seq=None, ack=None, data=b"", window=None, option=None, urgent=0, tos=0):
        """Send; seq and ack relative, by default the next ones."""
        if option is None:
            option = options(ts=(self.ts_now(), self.ts_last)) if self.use_ts and not flags & SYN else b""
        self.driver.send_tcp(self.sport, self.port, self.iss + (self.seq if seq is None else seq),
                             (self.irs or 0) + (self.ack if ack is None else ack) if flags & ACK else 0, flags,
                             self.window if window is None else window, option, data, urgent, tos)

    def send(self, data, flags=ACK | PSH, tos=0):
        self.raw(flags, data=data, tos=tos)
        self.seq += len(data) + bool(flags & FIN)

    def get(self, seconds=LONG):
        """The next segment, numbers relative; None after `seconds`."""
        found = self.driver.segment(self.sport, self.port, seconds)
        if found:
            if found.flags & SYN and self.irs is None:
                self.irs = found.seq
            found.seq = (found.seq - (self.irs or 0)) & 0xffffffff
            if found.flags & ACK:
                found.ack = (found.ack - self.iss) & 0xffffffff
            found.sack = [((start - self.iss) & 0xffffffff, (end - self.iss) & 0xffffffff) for start, end in found.sack]
            if found.ts:
                self.ts_last = found.ts[0]
        return found

    def expect(self, flags, seconds=LONG, mask=0x3f & ~PSH, **fields):
        """The next segment must have these flags and fields."""
        found = self.get(seconds)
        assert found, f"nothing came, expected flags {flags:#x} {fields}"
        assert found.flags & mask == flags & mask, f"{found}, expected flags {flags:#x} {fields}"
        for name, value in fields.items():
            got = getattr(found, name)
            assert got == value, f"{found}: {name} is {got}, expected {value}"
        return found

    def silent(self, seconds=0.4):
        found = self.get(seconds)
        assert found is None, f"{found} came, expected nothing"

    def open(self, flags=SYN):
        self.raw(flags, option=self.syn_options)
        self.seq = 1
        answer = self.expect(SYN | ACK, ack=1)
        self.scale = answer.wscale or 0
        self.ack = 1
        self.raw(ACK)
        self.answer = answer
        return self

    def half_open(self):
        """SYN-RECEIVED: the SYN is answered, and the answer not yet acknowledged."""
        self.raw(SYN, option=self.syn_options)
        self.expect(SYN | ACK)
        self.seq, self.ack = 1, 1
        return self

    def take(self, size, seconds=LONG):
        """Receive `size` bytes in order, acknowledging; the bytes."""
        data = b""
        end = time.monotonic() + seconds
        while len(data) < size:
            found = self.get(max(end - time.monotonic(), 0))
            assert found, f"only {len(data)} of {size} bytes came"
            if found.seq == self.ack and found.data:
                data += found.data
                self.ack += len(found.data)
                self.raw(ACK)
        return data

    def reset(self):
        if self.irs is not None:
            self.raw(RST | ACK)
        self.driver.waiting.clear()

    def is_open(self):
        """Does the connection still echo? (port 7001)"""
        self.send(b"alive")
        while found := self.get(2):
            if found.flags & RST:
                return False
            if found.data:
                self.ack = found.seq + len(found.data)
                self.raw(ACK)
                return found.data.endswith(b"alive")
        return False


def start(kernel, arch, end):
    """A machine with the program under test."""
    program = support.compile_guest("scripted", arch)
    if kernel == "samara":
        return support.Guest(["--arch", arch, "--cpus", "2", "--net", end.option, "--ip", IP], program)
    return support.LinuxGuest(end.option, [THEM[4] + "/24", THEM[6] + "/64"], program)


def run(kernel, family, arch, wanted, verbose):
    """The scripts over one family on a machine of its own."""
    tests = {}
    for name, script in sorted(SCRIPTS.items(), key=lambda item: LAST.get(item[1], 0)):
        if ONLY.get(script, family) == family:
            tests[f"{kernel}-{name}-ipv{family}"] = script
    chosen = [test for test in tests if not wanted or any(word in test for word in wanted)]
    if not chosen:
        return 0
    end = link.SocketEnd()
    guest = start(kernel, arch, end)
    try:
        end.accept()
        guest.wait_for("ready")
        driver = Driver(end, kernel, family, verbose)
        driver.find()

        def prepared(script):
            def test():
                driver.waiting.clear()
                return script(driver, Connection)
            return test
        return support.run_tests({name: prepared(script) for name, script in tests.items()}, chosen, Pace())
    finally:
        guest.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", choices=("samara", "linux", "both"), default="samara")
    parser.add_argument("--arch", choices=("arm64", "x86_64"), default="arm64", help="Samara's; Linux is arm64")
    parser.add_argument("--verbose", action="store_true", help="print the segments; one machine at a time")
    parser.add_argument("scripts", nargs="*")
    arguments = parser.parse_args()
    random.seed(int(os.environ.get("SEED", "1")))
    machines = [(kernel, family) for kernel in ("linux", "samara") if arguments.on in (kernel, "both") for family in (4, 6)]
    for program in ("scripted", "linux-guest"):
        support.compile_guest(program)
    support.compile_guest("scripted", arguments.arch)
    if arguments.on != "samara" and arguments.arch != "arm64":
        parser.error("Linux runs on arm64 only")
    # The scripts mostly wait.
    with concurrent.futures.ThreadPoolExecutor(1 if arguments.verbose else len(machines)) as pool:
        jobs = [pool.submit(run, *machine, arguments.arch, arguments.scripts, arguments.verbose) for machine in machines]
        return max(job.result() for job in jobs)


if __name__ == "__main__":
    sys.exit(main())

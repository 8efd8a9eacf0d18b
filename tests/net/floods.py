#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server under attack: it must go on answering, and its memory must stay bounded.

  tests/net/floods.py [NAME...]

nginx, and memcached for the idle ones, in Samara (512 MiB, one CPU) on a tap of a namespace of the test's own. After each attack 50 requests must be answered; what it cost in
memory is printed. About a minute. The attacks wire-... (wire_attacks.py) are of few packets, and judged by the guest's progress.
"""
import os
import random
import resource
import socket
import struct
import subprocess
import sys
import time

import link
import soak
import support
import wire_attacks
from packet import SYN, ip_packet, options, tcp_bytes

FILE_BYTES = 4 << 20
LIMIT_KB = 64 << 10


def answers(kind="http"):
    return soak.load(kind, 10, 50, timeout=60)


def flood_of_syns(_):
    """60,000 SYNs from 150 addresses that do not exist: cookies (RFC 4987)."""
    sent = 60000
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for count in range(sent):
            source = f"10.9.0.{100 + count % 150}"
            segment = tcp_bytes(source, soak.ADDRESS, random.randrange(1024, 65535), 80, count * 7919, 0, SYN, 65535,
                                options(mss=1460, sack_ok=True))
            try:
                raw.sendto(ip_packet(source, soak.ADDRESS, 6, segment), (soak.ADDRESS, 0))
            except OSError:
                time.sleep(0.01)
            if count == sent // 2:
                said = answers()
    return f"{sent} SYNs; during it {said}"


def connections(number, source=None):
    found = []
    for _ in range(number):
        s = socket.socket()
        s.settimeout(20)
        if source:
            s.bind((source, 0))
        try:
            s.connect((soak.ADDRESS, 80))
        except OSError:
            s.close()
            break
        found.append(s)
    return found


def flood_of_connections(_):
    """More connections than the server may have descriptors (1024)."""
    held = connections(2000)
    count = len(held)
    for s in held:
        s.close()
    assert count > 1000, f"only {count} connections"
    time.sleep(1)
    return f"{count} connections"


def idle_connections(_):
    """10,000 connections at once, to memcached; then a request on each."""
    done = subprocess.Popen([support.compile_host("load"), soak.ADDRESS, "11211", "idle", "10000", "0"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        assert done.stdout.readline().startswith("10000 connected")
        held = soak.free_kb()
        answers("memcached")
        done.stdin.write("go\n")
        done.stdin.flush()
        said = done.stdout.read().strip()
        assert done.wait(120) == 0, said
        return f"{said}; {held} kB free while idle"
    finally:
        done.kill()


def slow_readers(_):
    """100 clients ask for 4 MiB each and read nothing for a while, then all of it."""
    held = connections(100)
    for s in held:
        s.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    time.sleep(2)
    free = soak.free_kb()
    answers()
    for s in held[:50]:
        total = 0
        while part := s.recv(1 << 16):
            total += len(part)
        assert total > FILE_BYTES, f"{total} bytes came"
    for s in held:
        s.close()
    return f"{len(held)} readers, {free} kB free while they wait"


def vanished_peers(_):
    """200 connections with data under way, whose peer is gone without a word."""
    subprocess.run(["ip", "addr", "add", "10.9.0.77/24", "dev", "tap0"], check=True)
    held = connections(200, "10.9.0.77")
    for s in held:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(1)
    # Whatever comes for that address is dropped from now on, and nothing more is sent from it.
    subprocess.run(["ip", "addr", "del", "10.9.0.77/24", "dev", "tap0"], check=True)
    time.sleep(2)
    free = soak.free_kb()
    for s in held:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    return f"{len(held)} peers vanished, {free} kB free while the server tries"


ATTACKS = {"syn": flood_of_syns, "connections": flood_of_connections, "idle": idle_connections, "slow-readers": slow_readers,
           "vanished": vanished_peers}
NGINX = """events { worker_connections 30000; }
http { access_log off; server { listen 80 backlog=1024; root /var/www/html; index index.nginx-debian.html;
location /big { alias /probe/big; } } }
"""


def attack(name):
    soak.make_tap()
    soak.NGINX = NGINX
    kind = "memcached" if name == "idle" else "http"
    with open(os.path.join(support.compile_probe(), "big"), "wb") as handle:
        handle.truncate(FILE_BYTES)
    guest = soak.start(kind, 1, ["memcached", "-u", "memcache", "-l", "0.0.0.0", "-c", "12000"] if kind == "memcached" else ())
    try:
        answers(kind)
        before = soak.free_kb()
        said = ATTACKS[name](guest)
        after_said = answers(kind)
        after = soak.free_kb()
        assert before - after < LIMIT_KB, f"free before {before} kB, after {after} kB"
        return f"{said}; after it {after_said}; free before {before} kB, after {after} kB"
    finally:
        guest.stop()


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted, wire = [name for name in sys.argv[1:] if name in ATTACKS], [name for name in sys.argv[1:] if name not in ATTACKS]
    if link.MARK not in os.environ:
        failed = wire_attacks.run(wire) if wire or not wanted else 0
        if wire and not wanted:
            return failed
        os.environ["WIRE_FAILED"] = str(failed)     # this program begins again in a namespace
        support.fetch_packages("nginx-light", "memcached")
    link.enter_namespace()
    return support.run_tests({name: lambda name=name: attack(name) for name in ATTACKS}, wanted) | int(os.environ.get("WIRE_FAILED", "0"))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Servers under load for long: no error, no stall, no leak.

  tests/net/soak.py [--requests N] [--cpus 1,2,4] [SERVER...]

Debian's redis-server, nginx and memcached in Samara on a tap of a namespace of the test's own; load.c makes the requests and checks every
answer. probe.so, preloaded into the server, tells the kernel's memory before (after a tenth of the load) and after. By hand; the last
record is in docs/network-tests.md.
"""
import argparse
import os
import re
import socket
import subprocess
import sys
import time

import link
import support

ADDRESS = "10.9.0.2"
OPTIONS = ["--net", "tap=tap0", "--ip", "10.9.0.2:::255.255.255.0::eth0:off,[fd09::2]/64", "--memory", "512M"]
SERVERS = {"redis": ("redis-server", 6379), "http": ("nginx-light", 80), "memcached": ("memcached", 11211)}
LEAK_KB = 2048  # what is free may differ by caches of each CPU and the allocator's slack


def make_tap():
    subprocess.run(["ip", "link", "del", "tap0"], capture_output=True, check=False)
    subprocess.run(["ip", "tuntap", "add", "dev", "tap0", "mode", "tap"], check=True)
    for address in ("10.9.0.1/24", "fd09::1/64"):
        subprocess.run(["ip", "addr", "add", address, "dev", "tap0", *(["nodad"] if ":" in address else [])], check=True)
    subprocess.run(["ip", "link", "set", "tap0", "up"], check=True)


# Without a log: files are memory, and a log of a million lines would look like a leak.
NGINX = "events { worker_connections 20000; }\nhttp { access_log off; keepalive_requests 100000000; server { listen 80; listen [::]:80; root /var/www/html; index index.nginx-debian.html; } }\n"


def start(kind, cpus, arguments=()):
    """A server in a machine, ready to answer. arguments: its command, if not the package's usual one."""
    package, port = SERVERS[kind]
    if kind == "http":
        with open(os.path.join(support.compile_probe(), "nginx.conf"), "w", encoding="utf-8") as handle:
            handle.write(NGINX)
        arguments = ["nginx", "-c", "/probe/nginx.conf", "-g", "daemon off; master_process off;"]
    guest = support.Guest([*OPTIONS, "--cpus", str(cpus), "--package", package, "--volume", f"{support.compile_probe()}:/probe",
                           "--env", "LD_PRELOAD=/probe/probe.so"], None, arguments)
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((ADDRESS, port), timeout=2).close()
            return guest
        except OSError:
            if time.monotonic() > end or guest.child.poll() is not None:
                guest.stop()
                raise AssertionError(f"{package} does not answer: {guest.said[-5:]}") from None
            time.sleep(0.2)


def probe():
    """The text that probe.so gives."""
    with socket.create_connection((ADDRESS, 9999), timeout=20) as s:
        text = b""
        while part := s.recv(65536):
            text += part
    return text.decode()


def free_kb():
    return int(re.search(r"MemFree:\s+(\d+)", probe()).group(1))


def load(kind, connections, requests, timeout=3600):
    done = subprocess.run([support.compile_host("load"), ADDRESS, str(SERVERS[kind][1]), kind, str(connections), str(requests)],
                          capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"load: {done.stdout.strip()} {done.stderr.strip()}"
    return done.stdout.strip()


def soak(kind, cpus, requests):
    make_tap()
    guest = start(kind, cpus)
    try:
        load(kind, 50, requests // 10)
        before = free_kb()
        said = load(kind, 50, requests)
        time.sleep(1)
        after = free_kb()
        assert before - after < LEAK_KB, f"{said}; free before {before} kB, after {after} kB"
        return f"{said}; free before {before} kB, after {after} kB"
    finally:
        guest.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1000000)
    parser.add_argument("--cpus", default="1,2,4")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    if link.MARK not in os.environ:
        support.fetch_packages(*(package for package, _ in SERVERS.values()))
    link.enter_namespace()
    tests = {}
    for cpus in options.cpus.split(","):
        for kind in SERVERS:
            tests[f"{kind}-{cpus}"] = lambda k=kind, c=int(cpus): soak(k, c, options.requests)
    return support.run_tests(tests, options.tests)


if __name__ == "__main__":
    sys.exit(main())

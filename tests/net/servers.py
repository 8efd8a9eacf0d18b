#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's servers and clients, as they come: nginx, redis, memcached, Python's http.server, iperf3 both ways; getent and curl from inside.

  tests/net/servers.py [NAME...]

Over QEMU's user network with --publish; the clients inside ask a name server and a web server of the test's own. All in a network namespace
of the test's own where that is allowed, so that port 53 is free.
"""
import http.server
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

import link
import support
from harness.ports import reserve

NAME = "samara.test"
PAGE = b"a page of the test's own\n" * 1000


def name_server():
    """Answers A and AAAA of NAME (RFC 1035) on 127.0.0.1, which is 10.0.2.2 for the guest."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))

    def serve():
        while True:
            query, client = s.recvfrom(1500)
            end = query.index(b"\0", 12) + 5
            kind = struct.unpack_from(">H", query, end - 4)[0]
            known = query[12:end - 4].lower() == b"\x06samara\x04test\0"
            answer = b""
            if known and kind == 1:
                answer = struct.pack(">HHHIH4s", 0xc00c, 1, 1, 60, 4, bytes((10, 0, 2, 2)))
            s.sendto(query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, bool(answer), 0, 0) + query[12:end] + answer, client)
    threading.Thread(target=serve, daemon=True).start()


def web_server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


INSIDE = ["--ip", "10.0.2.15::10.0.2.2:255.255.255.0::eth0:off:10.0.2.2"]


def output(options, program, arguments):
    guest = support.Guest([*INSIDE, *options], program, arguments)
    try:
        assert guest.status(60) == 0, f"status {guest.child.returncode}: {guest.said[-5:]}"
        return guest.said
    finally:
        guest.stop()


def getent():
    said = output(["--package", "libc-bin"], "getent", ["hosts", NAME])
    assert said and said[-1].split() == ["10.0.2.2", NAME], said


def curl():
    port = web_server()
    said = output(["--package", "curl"], "curl", ["-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{remote_ip}", f"http://{NAME}:{port}/"])
    assert said[-1] == f"200 {len(PAGE)} 10.0.2.2", said


def served(options, port, program=None, arguments=()):
    """(machine, port of this host that is its `port`), as soon as something answers there."""
    here = reserve()
    return support.Guest([*options, "--publish", f"{here}:{port}"], program, arguments), here


def retry(function, guest, seconds=60):
    """QEMU takes connections before the server listens: they end at once, so try again."""
    end = time.monotonic() + seconds
    while True:
        try:
            return function()
        except (OSError, AssertionError):
            if time.monotonic() > end or guest.child.poll() is not None:
                raise
            time.sleep(0.2)


def with_server(options, port, program, arguments, check):
    guest, here = served(options, port, program, arguments)
    try:
        return check(here, guest)
    finally:
        guest.stop()


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def check_page(title):
    def check(here, guest):
        page = retry(lambda: fetch(f"http://127.0.0.1:{here}/"), guest)
        assert title in page, page[:200]
        for _ in range(20):
            assert fetch(f"http://127.0.0.1:{here}/") == page
    return check


def talk(here, *exchanges):
    with socket.create_connection(("127.0.0.1", here), timeout=20) as s:
        for sent, wanted in exchanges:
            s.sendall(sent)
            got = b""
            while len(got) < len(wanted):
                part = s.recv(4096)
                assert part, f"the connection ended after {got}"
                got += part
            assert got == wanted, got


def check_talk(*exchanges):
    return lambda here, guest: retry(lambda: talk(here, *exchanges), guest)


def check_iperf(here, guest):
    """Both directions; iperf3 runs on this machine too."""
    results = []
    for reverse in ([], ["-R"]):
        def run(reverse=reverse):
            done = subprocess.run(["iperf3", "-c", "127.0.0.1", "-p", str(here), "-n", "20M", *reverse], capture_output=True, text=True,
                                  timeout=60, check=False)
            assert done.returncode == 0, done.stderr + done.stdout[-200:]
            return re.search(r"([\d.]+ \w+/sec)\s+receiver", done.stdout).group(1)
        results.append(retry(run, guest, 20))
    return ", ".join(results)


def crowd(here, guest):
    """50 connections at once through QEMU's user network, which used to stall: docs/network-tests.md."""
    program = support.compile_host("load")
    retry(lambda: talk(here, (b"PING\r\n", b"+PONG\r\n")), guest)
    done = subprocess.run([program, "127.0.0.1", str(here), "redis", "50", "20000"], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


TESTS = {
    "nginx": lambda: with_server(["--package", "nginx-light"], 80, None, (), check_page("Welcome to nginx")),
    "redis": lambda: with_server(["--package", "redis-server"], 6379, None, (), check_talk(
        (b"PING\r\n", b"+PONG\r\n"), (b"SET a 1\r\n", b"+OK\r\n"), (b"INCR a\r\n", b":2\r\n"))),
    "memcached": lambda: with_server(["--package", "memcached"], 11211, None, (), check_talk(
        (b"set a 0 0 3\r\nabc\r\n", b"STORED\r\n"), (b"get a\r\n", b"VALUE a 0 3\r\nabc\r\nEND\r\n"))),
    "http.server": lambda: with_server(["--package", "python3", "--cwd", "/etc"], 8000, "python3", ["-m", "http.server"],
                                       check_page("Directory listing for /")),
    "crowd": lambda: with_server(["--package", "redis-server"], 6379, None, (), crowd),
    "getent": getent,
    "curl": curl,
}
PACKAGES = [["nginx-light"], ["redis-server"], ["memcached"], ["python3"], ["libc-bin"], ["curl"], ["iperf3"]]


def main():
    import shutil
    if shutil.which("iperf3"):
        TESTS["iperf3"] = lambda: with_server(["--package", "iperf3"], 5201, None, (), check_iperf)
    if link.MARK not in os.environ:
        for names in PACKAGES:
            support.fetch_packages(names)
    if link.enter_namespace(needs_tap=False, is_needed=False):
        name_server()
    else:
        print("skipped: getent and curl ask a name server of ours, which needs a network namespace for port 53")
        del TESTS["getent"], TESTS["curl"]
    return support.run_tests(TESTS, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

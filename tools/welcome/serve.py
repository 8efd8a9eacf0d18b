#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make run`: a web server in Samara that the reader can open.

  tools/welcome/serve.py [PORT]

On a terminal it serves until Ctrl-C. Without one (continuous integration) it fetches the page itself, says so and ends the machine.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SAMARA = os.path.join(os.path.dirname(os.path.dirname(HERE)), "samara")
HELD = []
SECONDS = 120  # to boot and answer, on a machine that is busy


def free_port(wanted):
    """`wanted`, or the next port that nobody listens on; bound here until this program ends (QEMU may share it), so that no other takes it."""
    for port in range(wanted, wanted + 100):
        probe = socket.socket()
        try:
            probe.bind(("127.0.0.1", port))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # only now: QEMU may, others may not
            HELD.append(probe)
            return port
        except OSError:
            probe.close()
    sys.exit(f"no free port from {wanted} on; give one: make run WEB_PORT=9000")


def fetch(url, child):
    """The page, as soon as the server answers."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and child.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.2)
    return ""


def main():
    port = free_port(int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
    url = f"http://127.0.0.1:{port}/"
    words = [SAMARA, "run", "--package", "nginx-light", "--volume", f"{HERE}:/var/www/html", "--publish", f"{port}:80"]
    if sys.stdin.isatty():
        print(f"open {url} (Ctrl-C ends the machine)", flush=True)
        os.execv(SAMARA, words)
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as child:
        page = fetch(url, child)
        child.send_signal(signal.SIGINT)
        child.wait()
    title = re.search(r"<h1>(.*?)</h1>", page)
    if not title:
        sys.exit(f"{url} gave no page within {SECONDS} seconds")
    print(f"{url} answered: {title.group(1)}")
    return 0


sys.exit(main())

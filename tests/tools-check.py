#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's top, vmstat, free, ps and ss inside Samara must print figures that are sensible and true.

Each tool is run by a Python program that first makes something to be seen (a file in memory, sockets with data in them)
and then becomes the tool by execve. What the tool prints is compared with what was made and with the machine's size. The
last line is "tools-check: ok" or "FAILED".
"""
import os
import re
import subprocess
import sys
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
ARCH = os.environ.get("ARCH", "arm64")
PACKAGES = ["python3-minimal", "procps", "ncurses-base", "iproute2"]
MEMORY_MIB, CPUS, FILE_MIB = 512, 2, 24
GUEST = """\
import os, socket, sys
def keep(*sockets):
    for one in sockets:
        os.set_inheritable(one.fileno(), True)
if sys.argv[1] == "file":
    with open("/tmp/file", "wb") as file:
        file.write(bytes(range(256)) * (%d * 4096))
elif sys.argv[1] == "sockets":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 4000))
    listener.listen(5)
    client = socket.create_connection(("127.0.0.1", 4000))
    server, _ = listener.accept()
    client.sendall(b"x" * 1000)
    while len(server.recv(1000, socket.MSG_PEEK)) < 1000:
        pass
    while client.getsockopt(socket.IPPROTO_TCP, 11, 104)[24:28] != bytes(4):  # tcpi_unacked: the acknowledgement may be delayed
        pass
    six = socket.socket(socket.AF_INET6)
    six.bind(("::", 4001))
    six.listen(7)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 4002))
    left, right = socket.socketpair()
    left.sendall(b"y" * 10)
    keep(listener, client, server, six, udp, left, right)
    # Requests for sockets that no tool would make: cut off, too long, with attributes that lead outside.
    import random, struct
    diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
    diag.setblocking(False)
    for number in range(300):
        body = bytes([random.choice((1, 2, 10, 16, 99)), random.choice((6, 17, 255, 1))]) + random.randbytes(random.randrange(120))
        kind = random.choice((18, 20, 20, 20, 21))
        diag.send(struct.pack("<IHHII", 16 + len(body) + random.choice((0, 0, 0, 9)), kind, random.choice((1, 0x301)), number, 0) + body)
        try:
            while diag.recv(65536):
                pass
        except BlockingIOError:
            pass
os.execvp(sys.argv[2], sys.argv[2:])
""" % FILE_MIB

problems = []


def check(condition, text, output=""):
    print(f"{'ok  ' if condition else 'FAIL'} {text}")
    if not condition:
        problems.append(text)
        print(output)


def run(directory, first, *words):
    command = [os.path.join(REPO, "samara"), "run", "--arch", ARCH, "--quiet", "--timeout", "300", "--cpus", str(CPUS), "--memory", f"{MEMORY_MIB}M"]
    for package in PACKAGES:
        command += ["--package", package]
    command += ["--volume", directory + ":/check", "--env", "TERM=dumb", "--", "python3", "/check/guest.py", first, *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    check(done.returncode == 0 and not done.stderr, f"{' '.join(words)} ends well", done.stdout + done.stderr)
    return done.stdout


def numbers(line):
    return [float(word) for word in re.findall(r"\d+(?:\.\d+)?", line)]


def check_top(text):
    lines = text.splitlines()
    check(len(lines) > 6 and re.match(r"top - \d\d:\d\d:\d\d up .* load average: \d+\.\d\d, \d+\.\d\d, \d+\.\d\d$", lines[0]),
          "top: head with load averages", text)
    check(re.match(r"Tasks: +1 total, +1 running, +0 sleeping, +0 stopped, +0 zombie", lines[1]), "top: tasks", text)
    shares = numbers(lines[2])
    check(len(shares) == 8 and abs(sum(shares) - 100) < 1, "top: shares of the CPUs make 100 %", lines[2])
    total, free, used, cached = numbers(lines[3])[:4]
    check(MEMORY_MIB * 0.6 < total < MEMORY_MIB and 0 < free < total and abs(free + used + cached - total) < total * 0.05,
          "top: memory", lines[3])
    check(re.search(r"^ +1 root .* R .* top *$", text, re.MULTILINE), "top: itself", text)


def check_vmstat(text):
    rows = [numbers(line) for line in text.splitlines() if re.match(r"^ *\d", line)]
    check(len(rows) == 3 and all(len(row) >= 17 for row in rows), "vmstat: three rows", text)
    check(all(98 <= sum(row[12:17]) <= 102 for row in rows), "vmstat: shares of the CPUs make 100 %", text)
    check(rows[-1][14] > 50, "vmstat: the machine was idle while it slept", text)
    check(all(row[0] >= 1 and row[3] > 1000 for row in rows), "vmstat: itself runs, memory is free", text)


def check_free(before, after):
    rows = []
    for text in (before, after):
        match = re.search(r"^Mem: +(.*)$", text, re.MULTILINE)
        rows.append([int(word) for word in match.group(1).split()] if match else [0] * 6)
    (total, used, free, _, cached, available), (_, used_after, free_after, shared_after, cached_after, available_after) = rows
    size = FILE_MIB << 20
    check(MEMORY_MIB * 0.6 < total / 2**20 < MEMORY_MIB, "free: total", before)
    check(abs(used + free + cached - total) < total * 0.05 and available <= total, "free: parts make the whole", before)
    check(cached_after - cached > size * 0.98 and shared_after > size * 0.98, "free: a file in memory is in shared and cache", before + after)
    check(free - free_after > size * 0.9 and available - available_after > size * 0.9, "free: a file in memory is not free", before + after)
    check(used_after - used < size + (8 << 20), "free: used", before + after)


def check_ps(text):
    rows = [line.split() for line in text.splitlines()[1:]]
    check(len(rows) == 1 and rows[0][:2] == ["1", "ps"], "ps: one process", text)
    pid, _, rss, vsz, threads, state, percent = rows[0]
    check(pid == "1" and 500 < int(rss) < int(vsz) < 200000 and threads == "1" and state.startswith("R"), "ps: memory, threads, state", text)
    check(0 <= float(percent) <= 110, "ps: share of a CPU", text)


def check_ss(text, everything):
    lines = text.splitlines()
    rows = {}
    for index, line in enumerate(lines):
        words = line.split()
        if words and words[0] == "ESTAB":
            rows[words[3].rsplit(":", 1)[1]] = (int(words[1]), int(words[2]), words[4], lines[index + 1] if index + 1 < len(lines) else "")
    check(len(rows) == 2 and "4000" in rows, "ss -tin: both ends of the connection", text)
    server = rows.pop("4000", (0, 0, "", ""))
    client = next(iter(rows.values()), (1, 1, "", ""))
    check(server[0] == 1000 and client[2] == "127.0.0.1:4000" and client[0] == 0, "ss -tin: bytes that wait", text)
    check("cubic" in server[3] and "bytes_received:1000" in server[3] and "bytes_acked:1000" in client[3], "ss -tin: what TCP counts", text)
    check(re.search(r"rtt:[\d.]+/[\d.]+.* mss:\d+ .*cwnd:\d+", client[3]), "ss -tin: round trip, segment size, window", text)
    check(re.search(r"^tcp +LISTEN +0 +5 +127\.0\.0\.1:4000 ", everything, re.MULTILINE), "ss -an: listener", everything)
    check(re.search(r"^tcp +LISTEN +0 +7 +\S*:4001 ", everything, re.MULTILINE), "ss -an: IPv6 listener", everything)
    check(re.search(r"^udp +UNCONN +0 +0 +127\.0\.0\.1:4002 ", everything, re.MULTILINE), "ss -an: UDP", everything)
    unix = re.findall(r"^u_str +ESTAB +(\d+) +\d+ +\* (\d+) +\* (\d+)", everything, re.MULTILINE)
    check(len(unix) == 2 and unix[0][1:] == unix[1][:0:-1] and {row[0] for row in unix} == {"0", "10"}, "ss -an: a pair of AF_UNIX sockets name each other", everything)
    check(everything.count(":4000 ") == 3 and "mptcp" not in everything, "ss -an: nothing twice", everything)


def main():
    with tempfile.TemporaryDirectory(prefix="samara-tools-check-") as directory:
        with open(os.path.join(directory, "guest.py"), "w", encoding="utf-8") as file:
            file.write(GUEST)
        check_top(run(directory, "-", "top", "-b", "-n1", "-w", "120"))
        check_vmstat(run(directory, "-", "vmstat", "1", "3"))
        check_free(run(directory, "-", "free", "-b"), run(directory, "file", "free", "-b"))
        check_ps(run(directory, "-", "ps", "-eo", "pid,comm,rss,vsz,nlwp,stat,pcpu"))
        check_ss(run(directory, "sockets", "ss", "-tin"), run(directory, "sockets", "ss", "-an"))
    print(f"tools-check: {len(problems)} FAILED" if problems else "tools-check: ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A trace of a program on 2 CPUs must be whole and consistent: what the kernel wrote, and the JSON made of it.

  tests/trace-check.py [PROGRAM [ARGUMENT...]]      default: the guest test `threads`
  tests/trace-check.py --redis                      Debian's redis-server with ten clients on the host, then SHUTDOWN
  tests/trace-check.py --profile                    samples of a known program: stacks go from main into the kernel

Raw records: known events, times that never go back on a CPU, each switch leaves the thread that the one before it
entered, a thread runs on one CPU at a time, calls and faults nest on their thread. JSON: the fields that the format
demands for each phase, the slices of a track lie beside or inside each other, those of a CPU beside, and every call, fault
and interrupt that ended is there. The last line is "trace-check: ok" or "FAILED".
"""
import collections
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(TESTS)
ARCH = os.environ.get("ARCH", "arm64")
sys.path[:0] = [os.path.join(REPO, "tools"), TESTS]

from harness import ports  # noqa: E402  (the path above must be set first)
from samara import trace  # noqa: E402

CPUS = 2
BUFFER_MIB = 32
PAIRS = {trace.SYSCALL_END: trace.SYSCALL_BEGIN, trace.FAULT_END: trace.FAULT_BEGIN}
REQUIRED = {"X": ("name", "ts", "dur", "pid", "tid"), "i": ("name", "ts", "pid", "tid", "s"), "M": ("name", "pid", "args")}
TOLERANCE_US = 0.002  # times are written as fractions of microseconds


class Problems(list):
    def check(self, condition, text):
        if not condition:
            self.append(text)


def check_records(data, problems):
    """{event: how many}."""
    parsed = trace.parse(data)
    problems.check(parsed.cpus == CPUS and len(parsed.records) == CPUS, f"rings of {len(parsed.records)} CPUs, not {CPUS}")
    problems.check(not any(parsed.lost.values()), f"records were lost: {parsed.lost}; make BUFFER_MIB greater")
    counts = collections.Counter()
    stays = collections.defaultdict(list)  # thread: [(from, to, cpu)]
    counts["threads"] = len({row.thread for rows in parsed.records.values() for row in rows})
    for cpu, rows in parsed.records.items():
        last, current, since = 0, None, 0
        for index, row in enumerate(rows):
            where = f"CPU {cpu} record {index}"
            counts[row.event] += 1
            problems.check(0 <= row.event <= trace.SAMPLE_MORE, f"{where}: no event {row.event}")
            problems.check(row.time >= last, f"{where}: time goes back by {last - row.time} ns")
            last = row.time
            if row.event == trace.SWITCH:
                left = row.a & ~trace.BLOCKED
                if current is not None:
                    problems.check(left == current, f"{where}: switch from thread {left:#x}, but {current:#x} ran")
                    stays[left].append((since, row.time, cpu))
                problems.check(row.b != left or not left, f"{where}: switch of thread {left:#x} to itself")
                current, since = row.b, row.time
            elif current is not None and row.event != trace.SWITCH:
                problems.check(row.thread == current, f"{where}: event {row.event} of thread {row.thread:#x} while {current:#x} runs")
    for thread, spans in stays.items():
        spans.sort()
        for before, after in zip(spans, spans[1:]):
            # Idle threads share the number 0.
            problems.check(thread & ~trace.KERNEL_THREAD == 0 or before[2] == after[2] or before[1] <= after[0],
                           f"thread {thread:#x} runs on CPUs {before[2]} and {after[2]} at {after[0]}")
    check_nesting(parsed, problems)
    return counts


def check_nesting(parsed, problems):
    merged = sorted((row.time, cpu, index, row) for cpu, rows in parsed.records.items() for index, row in enumerate(rows)
                    if row.event in PAIRS or row.event in PAIRS.values())
    stacks = collections.defaultdict(list)
    for time, _, _, row in merged:
        stack = stacks[row.thread]
        if row.event in PAIRS:
            # The first call of a thread may end without having begun: clone in its parent, execve.
            if stack:
                first = stack.pop()
                problems.check(first.event == PAIRS[row.event] and first.a == row.a,
                               f"thread {row.thread:#x} at {time}: end of event {row.event} ({row.a:#x}) ends {first.event} ({first.a:#x})")
        else:
            problems.check(row.event != trace.SYSCALL_BEGIN or not stack,
                           f"thread {row.thread:#x} at {time}: call {row.a} begins, but {len(stack)} calls or faults have not ended")
            stack.append(row)
    for thread, stack in stacks.items():
        # Of the call that ended the thread, or in which the machine was left.
        problems.check(len(stack) <= 1, f"thread {thread:#x}: {len(stack)} calls or faults never end")


def check_json(path, counts, problems):
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    tracks, all_tracks = collections.defaultdict(list), collections.defaultdict(list)
    faults, calls, irqs = 0, 0, 0
    for event in events:
        for key in REQUIRED.get(event["ph"], ()):
            problems.check(key in event, f"JSON: {event} has no {key}")
        problems.check(event["ph"] in REQUIRED, f"JSON: phase {event['ph']}")
        if event["ph"] == "X":
            problems.check(event["dur"] >= 0, f"JSON: {event} ends before it begins")
            all_tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
            is_of_cpu = event["pid"] == trace.PID_CPUS
            irqs += is_of_cpu and event["name"].startswith("irq ")
            faults += event["name"] == "fault"
            calls += not is_of_cpu and event["name"] != "fault"
            if event["pid"] == trace.PID_CPUS and "then" in event["args"]:
                tracks[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for cpu, spans in tracks.items():
        spans.sort()
        for before, after in zip(spans, spans[1:]):
            problems.check(before[1] <= after[0] + TOLERANCE_US, f"JSON: slices of CPU {cpu} overlap at {after[0]}")
    for track, spans in all_tracks.items():
        check_track(track, sorted(spans, key=lambda span: (span[0], -span[1])), problems)
    for name, number, event in (("interrupts", irqs, trace.IRQ_END), ("faults", faults, trace.FAULT_END), ("calls", calls, trace.SYSCALL_END)):
        # A thread's first call has an end alone (clone in its parent): no more of them than threads, and execve.
        problems.check(counts[event] - counts["threads"] - 1 <= number <= counts[event],
                       f"JSON: {number} {name}, but {counts[event]} ended")
    problems.check(len(tracks) == CPUS, f"JSON: threads ran on {len(tracks)} CPUs")
    return len(events)


def check_track(track, spans, problems):
    """Slices that overlap without one being inside the other cannot be drawn."""
    stack = []
    for first, last, name in spans:
        while stack and stack[-1][0] <= first + TOLERANCE_US:
            stack.pop()
        if stack:
            problems.check(last <= stack[-1][0] + TOLERANCE_US, f"JSON: {name} at {first} outlasts {stack[-1][1]} on track {track}")
        stack.append((last, name))


# -- redis ------------------------------------------------------------------------------------------------------------

CLIENTS, REQUESTS = 10, 300
REDIS = ["--package", "redis-server"]
REDIS_COMMAND = ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--ignore-warnings", "ARM64-COW-BUG"]


def ask(file, *words):
    """One command of redis' protocol; the first line of the answer."""
    file.write(f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words))
    file.flush()
    answer = file.readline()
    if answer.startswith(b"$") and int(answer[1:]) >= 0:
        answer = file.readline()
    return answer


def connect(port, seconds=60):
    """A connection on which redis answers: QEMU takes connections before the program listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
            file = sock.makefile("rwb")
            if ask(file, "PING") == b"+PONG\r\n":
                return file
        except OSError:
            pass
        if time.monotonic() > end:
            raise TimeoutError("redis does not answer")
        time.sleep(0.1)


def use_redis(port, failures):
    """The clients, then SHUTDOWN."""

    def client(number):
        try:
            file = connect(port)
            for request in range(REQUESTS):
                value = f"{number}-{request}"
                if ask(file, "SET", f"key-{number}", value) != b"+OK\r\n" or ask(file, "GET", f"key-{number}") != value.encode() + b"\r\n":
                    failures.append(f"client {number} got a wrong answer to request {request}")
                    return
        except (OSError, ValueError) as error:
            failures.append(f"client {number}: {error}")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        ask(connect(port), "SHUTDOWN", "NOSAVE")
    except OSError as error:
        failures.append(f"SHUTDOWN: {error}")


def record_redis(directory):
    port, failures = ports.reserve(), []
    user = threading.Thread(target=use_redis, args=(port, failures))
    user.start()
    result = record(REDIS_COMMAND, directory, REDIS + ["--publish", f"127.0.0.1:{port}:6379"])
    user.join()
    if failures:
        sys.exit("\n".join(failures))
    return result


# -- running ----------------------------------------------------------------------------------------------------------

def record(words, directory, options=()):
    """(raw bytes, path of the JSON)."""
    out = os.path.join(directory, "trace.json")
    environment = dict(os.environ, SAMARA_KEEP_TRACE=os.path.join(directory, "raw"))
    done = subprocess.run([os.path.join(REPO, "samara"), "run", "--arch", ARCH, "--quiet", "--timeout", "300", "--cpus", str(CPUS), "--memory", "512M",
                           "--append", f"trace-buffer={BUFFER_MIB}", "--trace", out, *options, "--"] + words,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, check=False)
    if done.returncode:
        sys.exit(f"the program ended with {done.returncode}")
    with open(os.path.join(directory, "raw"), "rb") as file:
        return file.read(), out


def guest_program(name):
    subprocess.run(["make", "-s", "-C", REPO, "-f", "tests/guest.mk", f"build/guest/{ARCH}/{name}", "ARCH=" + ARCH], check=True)
    return os.path.join(REPO, "build", "guest", ARCH, name)


def check_profile():
    """The exit status."""
    with tempfile.TemporaryDirectory(prefix="samara-trace-check-") as directory:
        out = os.path.join(directory, "profile")
        done = subprocess.run([os.path.join(REPO, "samara"), "run", "--arch", ARCH, "--quiet", "--timeout", "300", "--profile", out, "--",
                               guest_program("stress/profiled")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            sys.exit(f"the program ended with {done.returncode}")
        with open(out + ".folded", encoding="utf-8") as file:
            rows = [(stack.split(";"), int(number)) for stack, _, number in (line.rpartition(" ") for line in file)]
    samples, whole = sum(number for _, number in rows), 0
    for stack, number in rows:
        names = [frame.split(" ")[0].removesuffix("_[k]") for frame in stack]
        places = [names.index(name) if name in names else -1 for name in ("main", "outer", "file_read")]
        whole += number * (places == sorted(places) and places[0] >= 0)
    is_right = samples > 20 and whole * 2 > samples
    print(f"{whole} of {samples} samples go from main into the kernel's file_read\ntrace-check: {'ok' if is_right else 'FAILED'}")
    return 0 if is_right else 1


def main():
    words = sys.argv[1:]
    if words == ["--profile"]:
        return check_profile()
    is_redis = words == ["--redis"]
    if not words:
        words = [guest_program("threads")]
    problems = Problems()
    with tempfile.TemporaryDirectory(prefix="samara-trace-check-") as directory:
        data, out = record_redis(directory) if is_redis else record(words, directory)
        counts = check_records(data, problems)
        number = check_json(out, counts, problems)
    if is_redis:
        problems.check(counts[trace.PACKET_IN] > 2 * CLIENTS * REQUESTS, f"only {counts[trace.PACKET_IN]} packets came in")
        problems.check(counts[trace.PACKET_OUT] > 2 * CLIENTS * REQUESTS, f"only {counts[trace.PACKET_OUT]} packets went out")
        print(f"{counts[trace.PACKET_IN]} packets in, {counts[trace.PACKET_OUT]} out", end=", ")
    for event, name in ((trace.SWITCH, "switches"), (trace.WAKE, "wake-ups"), (trace.SYSCALL_BEGIN, "calls"), (trace.IRQ_BEGIN, "interrupts"),
                        (trace.FAULT_BEGIN, "faults")):
        problems.check(counts[event] > 0, f"no {name} were recorded")
        print(f"{counts[event]} {name}", end=", ")
    print(f"{number} events in the JSON")
    for text in problems[:20]:
        print("  " + text)
    print(f"trace-check: {len(problems)} FAILED" if problems else "trace-check: ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

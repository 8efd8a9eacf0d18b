#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest tests: each program of tests/guest/list must print on Samara what it prints on Linux, and end alike.

  tests/run-guests.py [--arch arm64|x86_64] [--on samara|linux|user] [--group G] [--jobs N] [--update] [PATTERN...]

The expected output lies in tests/guest/expected/, or in expected/ARCH/ where the machines differ; with --on linux it is
compared with what Linux says now, and with --update written anew. PATTERN is a shell pattern for NAME or NAME:LABEL. The last line is "N passed, N failed".
"""
import argparse
import concurrent.futures
import difflib
import fnmatch
import os
import platform
import pty
import shlex
import subprocess
import sys
import threading
import time
import tty

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from harness import linux  # noqa: E402  (the path above must be set first)
from harness.pace import Pace  # noqa: E402

SOURCES = os.path.join(TESTS, "guest")
EXPECTED = os.path.join(SOURCES, "expected")
ARCHS = ("arm64", "x86_64")
VARIANTS = ("-static-pie", "-musl-pie", "-pie", "-nopie", "-musl")
STATUS_LINE = b"exit status %d\n"
UNDEFINED = "undefined behaviour at "  # tests/ubsan/ubsan.c
DIFF_LINES = 25
TRIES = 3  # of a test that judges times, on a host that does not keep pace
PATIENCE = 4  # the list's seconds are for a busy host; one that does nothing else but other tests may take longer still


class Test:
    """One row of the list, for one machine."""

    def __init__(self, line, arch="arm64"):
        words = shlex.split(line)
        self.name, cpus, self.memory, self.seconds, groups = words[:5]
        rest = words[5:]
        split = rest.index("--") if "--" in rest else len(rest)
        self.options, self.arguments = rest[:split], rest[split + 1:]
        self.cpus = [int(number) for number in cpus.split(",")]
        self.seconds = int(self.seconds)
        self.groups = groups.split(",")
        self.is_timing = "timing" in self.options
        self.environment = [word[4:] for word in self.options if word.startswith("env=")]
        self.input = "".join(word[6:] + "\n" for word in self.options if word.startswith("stdin=")).encode()
        self.packages = [word[8:] for word in self.options if word.startswith("package=")]
        self.arch = arch
        self.archs = [word[5:] for word in self.options if word.startswith("arch=")]
        self.program = os.path.join(REPO, "build", "guest", arch, self.name.split(":")[0])
        file = self.name.replace("/", "-").replace(":", "-") + ".out"
        self.expected_path = os.path.join(EXPECTED, file)
        self.own_path = os.path.join(EXPECTED, arch, file)

    def expected(self):
        """What Linux printed, with the exit status as last line; None when it was never run."""
        for path in (self.own_path, self.expected_path):
            if os.path.exists(path):
                with open(path, "rb") as handle:
                    return handle.read()
        return None

    def is_for_arch(self):
        """The row names the machine, or none; and there is a source for it."""
        name = self.name.split(":")[0]
        names = [name] + [name[:-len(suffix)] for suffix in VARIANTS if name.endswith(suffix)]
        return (not self.archs or self.arch in self.archs) and any(
            os.path.exists(os.path.join(SOURCES, folder, name + suffix))
            for folder in (self.arch, "") for name in names for suffix in (".c", ".S", ".go"))

    def update(self, output):
        """Write what Linux printed: for all machines, unless this one differs from what the others say."""
        path = self.expected_path
        if self.arch != ARCHS[0] and os.path.exists(path):
            with open(path, "rb") as handle:
                same = handle.read() == output
            if os.path.exists(self.own_path) and same:
                os.unlink(self.own_path)
            if same:
                return
            path = self.own_path
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as handle:
            handle.write(output)


def read_list(path, arch="arm64"):
    """The tests of the list that are for this machine, in its order."""
    with open(path, encoding="utf-8") as handle:
        lines = [line for line in handle.read().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    tests = [Test(line, arch) for line in lines]
    names = [test.name for test in tests]
    for name in names:
        if names.count(name) > 1:
            sys.exit(f"{path}: {name} is listed twice")
    return [test for test in tests if test.is_for_arch()]


def is_match(test, pattern):
    """A pattern without a label means all labels, but for those of the group `long`."""
    if ":" in pattern:
        return fnmatch.fnmatch(test.name, pattern)
    return "long" not in test.groups and fnmatch.fnmatch(test.name.split(":")[0], pattern)


def select(tests, patterns, group):
    """Those of a group that match any pattern. The group `long` runs only when it is asked for."""
    return [test for test in tests
            if (group in test.groups if group else patterns or "long" not in test.groups)
            and (not patterns or any(is_match(test, pattern) for pattern in patterns))]


def with_status(output, status):
    """Output and exit status as one text. The status line stands on a line of its own."""
    if output and not output.endswith(b"\n"):
        output += b"\n(no newline at the end)\n"
    return output + STATUS_LINE % status


def without_messages(output):
    """(output without the kernel's messages, these). With a UART as the program's streams both come out of it: a message
    is a line that begins with "samara: " and the indented lines after it."""
    kept, messages, is_message = [], [], False
    for line in output.splitlines(keepends=True):
        is_message = line.startswith(b"samara: ") or (is_message and line.startswith(b"  "))
        (messages if is_message else kept).append(line)
    return b"".join(kept), b"".join(messages).decode(errors="replace")


def run_on_pipes(test, command):
    """subprocess.CompletedProcess; TimeoutExpired."""
    return subprocess.run(command, input=test.input, capture_output=True, timeout=PATIENCE * test.seconds + 60, check=False)


def run_on_terminal(test, command):
    """The same with a new terminal as stdin and stdout, on which nobody types."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    output = bytearray()

    def collect():
        try:
            while data := os.read(ours, 65536):
                output.extend(data)
        except OSError:
            pass  # the last user of the other side has gone

    reader = threading.Thread(target=collect)
    reader.start()
    try:
        # A session of its own, whose terminal this is: samara asks whether it is in the foreground.
        done = subprocess.run(["setsid", "--ctty", "--wait", *command], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
                              timeout=PATIENCE * test.seconds + 60, check=False)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    return subprocess.CompletedProcess(command, done.returncode, bytes(output).replace(b"\r\n", b"\n"), done.stderr)


def run_on_samara(test, cpus, extra):
    """(text, problem or None) of one run."""
    command = [os.path.join(REPO, "samara"), "run", "--arch", test.arch, "--quiet", "--timeout", str(PATIENCE * test.seconds), "--cpus", str(cpus),
               "--memory", test.memory]
    for assignment in test.environment:
        command += ["--env", assignment]
    for package in test.packages:
        command += ["--package", package]
    for option in test.options:
        name, _, value = option.partition("=")
        if name in ("icount", "cpu", "machine", "console", "net"):
            command += ["--" + name] + ([value] if value else [])
    command += extra + ["--", test.program] + test.arguments
    try:
        done = (run_on_terminal if "tty" in test.options else run_on_pipes)(test, command)
    except subprocess.TimeoutExpired as late:
        return late.stdout or b"", "samara run did not end in time"
    output, messages = (done.stdout, "") if done.returncode == 125 else without_messages(done.stdout)
    messages = (messages + done.stderr.decode(errors="replace")).strip()
    if UNDEFINED in messages:  # a kernel made with BUILD=ubsan found some
        output += b"the kernel's behaviour is undefined\n"
    return with_status(output, done.returncode), messages or None


def run_on_user(test):
    """The same as a process of this machine, or with qemu-aarch64-static: quick, but wrong in corners of signals and mmap."""
    emulator = [] if test.arch == platform.machine() else ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]
    environment = {"PATH": "/usr/bin", "HOME": "/root"}
    environment.update(word.split("=", 1) for word in test.environment)
    try:
        done = subprocess.run(emulator + [test.program] + test.arguments,
                              input=test.input, capture_output=True, timeout=test.seconds, env=environment,
                              cwd="/", check=False)
    except subprocess.TimeoutExpired as late:
        return late.stdout or b"", "timeout"
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return with_status(done.stdout, status), done.stderr.decode(errors="replace").strip() or None


def linux_results(tests, log):
    """{name: text} of one boot of Linux with 4 CPUs."""
    jobs = [linux.Job(test.name, test.program, test.arguments, test.environment, test.seconds) for test in tests]
    return {name: with_status(output, status)
            for name, (output, status) in linux.run(jobs, cpus=4, memory="2G", log=log,
                                                             guest=linux.GUESTS[tests[0].arch]).items()}


def difference(expected, got):
    """The first lines of a diff."""
    lines = list(difflib.unified_diff(expected.decode(errors="replace").splitlines(),
                                      got.decode(errors="replace").splitlines(), "linux", "got", lineterm="", n=1))
    more = [f"... {len(lines) - DIFF_LINES} lines more"] if len(lines) > DIFF_LINES else []
    return "\n".join("    " + line for line in lines[:DIFF_LINES] + more)


class Report:
    """Prints a line per run and counts."""

    def __init__(self):
        self.passed, self.failed = 0, []

    def add(self, label, expected, got, problem, seconds):
        if got == expected:
            self.passed += 1
            print(f"ok   {label} ({seconds:.1f} s)", flush=True)
            return
        self.failed.append(label)
        print(f"FAIL {label} ({seconds:.1f} s)", flush=True)
        if expected is None:
            print("    no expected output: run tests/run-guests.py --on linux --update", flush=True)
        else:
            print(difference(expected, got), flush=True)
        if problem:
            print("\n".join("    stderr: " + line for line in problem.splitlines()[-12:]), flush=True)

    def end(self):
        if self.failed:
            print("failed: " + " ".join(self.failed))
        print(f"{self.passed} passed, {len(self.failed)} failed")
        return 1 if self.failed else 0


def timed(function, *arguments):
    """(result..., seconds) of a call."""
    begin = time.monotonic()
    text, problem = function(*arguments)
    return text, problem, time.monotonic() - begin


def again(test, label, call):
    """(result..., seconds, did the host keep pace) of a test that judges times, until it passes or fails on a host that kept pace."""
    pace = Pace()
    for _ in range(TRIES):
        print(f"again {label}", flush=True)
        pace.mark()
        text, problem, seconds = timed(*call)
        if text == test.expected() or pace.kept():
            return text, problem, seconds, True
    return text, problem, seconds, False


def run_each(tests, args, report):
    """Every test with every number of CPUs, args.jobs at a time, reported in the order of the list."""
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = []
        for test in tests:
            for cpus in [int(args.cpus)] if args.cpus else test.cpus if args.on == "samara" else [0]:
                label = test.name + (f" on {cpus} CPU{'s' * (cpus > 1)}" if cpus else "")
                call = (run_on_samara, test, cpus, args.option) if args.on == "samara" else (run_on_user, test)
                runs.append((label, test, call, pool.submit(timed, *call)))
        for label, test, call, future in runs:
            text, problem, seconds = future.result()
            if text != test.expected() and test.is_timing:
                text, problem, seconds, has_kept_pace = again(test, label, call)
                if text != test.expected() and not has_kept_pace:
                    print(f"skip {label}: it judges times, and the host was too busy {TRIES} times", flush=True)
                    continue
            report.add(label, test.expected(), text, problem, seconds)


def run_oracle(tests, args, report):
    """All tests in one boot of Linux; compare with what is committed, or commit it."""
    tests = [test for test in tests if not test.input]  # there is none there
    begin = time.monotonic()
    results = linux_results(tests, args.log)
    for test in tests:
        got = results.get(test.name, b"")
        if args.update and got and b"FAIL" not in got and b"exit status 124" not in got:
            test.update(got)
        bad = b"FAIL" in got
        report.add(test.name + " on Linux", None if bad else test.expected(), got, got.decode(errors="replace") if bad
                   else None, time.monotonic() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", choices=("samara", "linux", "user"), default="samara")
    parser.add_argument("--arch", choices=ARCHS, default=ARCHS[0], help="default arm64")
    parser.add_argument("--group", help="only tests of this group")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--cpus", help="this number of CPUs instead of the list's")
    parser.add_argument("--update", action="store_true", help="with --on linux: write the expected outputs")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--log", help="with --on linux: keep the console output here")
    parser.add_argument("--option", action="append", default=[], help="passed on to samara run (repeatable)")
    parser.add_argument("--no-build", action="store_true", help="use the programs as they are")
    parser.add_argument("pattern", nargs="*")
    args = parser.parse_args()

    tests = select(read_list(os.path.join(SOURCES, "list"), args.arch), args.pattern, args.group)
    if not tests:
        sys.exit("no test matches")
    if args.list:
        print("\n".join(test.name for test in tests))
        return 0
    if not args.no_build:
        programs = sorted({os.path.relpath(test.program, REPO) for test in tests})
        environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL")}
        built = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", REPO, "-f", "tests/guest.mk", "ARCH=" + args.arch] + programs,
                               env=environment, check=False)
        if built.returncode:
            sys.exit("the guest programs do not build")
    report = Report()
    (run_oracle if args.on == "linux" else run_each)(tests, args, report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())

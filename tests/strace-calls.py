#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`samara run --strace` must decode each call, signal and end as strace(1) does: the programs of tests/strace/.

  tests/strace-calls.py [--keep DIR] [NAME...]

Each program makes system calls of one topic; it runs on Samara with --strace and on Debian's arm64 kernel under Debian's
strace -f. Whole lines are compared, thread by thread, without what differs by nature: masked() says what that is,
docs/tracing.md why. --keep: the texts as files.
"""
import argparse
import difflib
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from harness import linux  # noqa: E402  (the path above must be set first)

ROOT = os.path.join(REPO, "build", "strace-root")  # Debian's strace, and the programs in /calls
PROGRAMS = os.path.join(ROOT, "calls")
SOURCES = os.path.join(TESTS, "strace")
# What runs: a name, and the words of its command line. The same program may end in several ways.
RUNS = {"sockets": ["sockets"], "events": ["events"], "files": ["files"], "process": ["process"], "signals": ["signals"],
        "threads": ["threads"], "killed": ["threads", "15"]}
RESUMED = re.compile(r"<\.\.\. \w+ resumed>")


def build():
    if not os.path.exists(os.path.join(ROOT, "usr", "bin", "strace")):
        tree = subprocess.run([os.path.join(REPO, "samara"), "root", "--package", "strace"], check=True, stdout=subprocess.PIPE,
                              text=True).stdout.strip()
        subprocess.run(["cp", "-a", tree + "/.", ROOT + "/"] if os.path.isdir(ROOT) else ["cp", "-a", tree, ROOT], check=True)
    os.makedirs(PROGRAMS, exist_ok=True)
    header = os.path.getmtime(os.path.join(SOURCES, "calls.h"))
    for name in {words[0] for words in RUNS.values()}:
        source, output = os.path.join(SOURCES, name + ".c"), os.path.join(PROGRAMS, name)
        if not os.path.exists(output) or os.path.getmtime(output) < max(os.path.getmtime(source), header):
            subprocess.run([linux.ARM64.compiler, "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-pie",
                            "--param=min-pagesize=0", "-static", "-pthread", "-o", output, source], check=True)


def on_linux(names):
    jobs = [linux.Job(name, "/usr/bin/strace", ["-f", "-q", "/calls/" + RUNS[name][0]] + RUNS[name][1:], merge=True, tree=ROOT)
            for name in names]
    results = linux.run(jobs, cpus=1, memory="512M")
    return {name: results[name][0].decode(errors="replace") for name in names}


def on_samara(name):
    command = [os.path.join(REPO, "samara"), "run", "--arch", "arm64", "--quiet", "--strace", "--memory", "512M", "--timeout", "60"]
    done = subprocess.run(command + ["--rootfs", ROOT, "--", "/calls/" + RUNS[name][0]] + RUNS[name][1:], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=120, check=False)
    return done.stderr.decode(errors="replace")


def masked(text):
    """Addresses, numbers of processes, times, sizes of the machine out; the rest is what the program does."""
    text = re.sub(r" <[\d.]+>$", "", text)
    text = re.sub(r"\) += ", ") = ", text)
    text = re.sub(r"0x[0-9a-f]{5,}", "ADDR", text)
    text = re.sub(r"/\* \d+ vars \*/", "/* N vars */", text)
    text = re.sub(r"getrandom\(\"(\\x[0-9a-f]{2})*\"", "getrandom(BYTES", text)
    text = re.sub(r"^((?:set_tid_address|gettid|getpid|getpgid|clone3?|prctl)\(.*\)) = \d{2,}", r"\1 = ID", text)
    text = re.sub(r"^(set_tid_address|gettid|getpid|getpgid|clone3?)(\(.*\)) = \d+$", r"\1\2 = ID", text)
    text = re.sub(r"(parent_tid=\[|si_pid=|[{ ]pid=|nl_pid=)\d+", r"\1ID", text)
    text = re.sub(r"^((?:tg|t|)kill|rt_(?:tg)?sigqueueinfo)\(\d+,(?: \d+,)?", r"\1(ID,", text)
    text = re.sub(r"(futex\(ADDR, FUTEX_WAIT\w*(?:\|FUTEX_CLOCK_REALTIME)?, )\d+(, NULL, FUTEX_BITSET_MATCH_ANY\) = 0)", r"\1ID\2", text)
    text = re.sub(r"(left |ru_[us]time=|^clock_gettime\(\w+, |^gettimeofday\()\{[^}]*\}", r"\1{TIME}", text)
    text = re.sub(r"^((?:timerfd_settime|timerfd_gettime|timer_gettime|timer_settime|setitimer|getitimer)\(.*)"
                  r"it_value=\{tv_sec=\d+, tv_([nu])sec=\d{3,}\}", r"\1it_value={TIME \2}", text)
    text = re.sub(r"^times\(.*", "times()", text)
    text = re.sub(r"^statfs\(.*", "statfs()", text)
    text = re.sub(r"stx_mask=[A-Z_|]+", "stx_mask=MASK", text)
    text = re.sub(r"(?<=SIOCSIFFLAGS, )(.*\) = ).*", r"\1RESULT", text)
    text = re.sub(r"^(nanosleep\(\{tv_sec=99, .*?\}, )\{.*?\}", r"\1{TIME}", text)
    text = re.sub(r"^sysinfo\(.*", "sysinfo()", text)
    text = re.sub(r"htons\([3-6]\d{4}\)", "htons(PORT)", text)
    return text


def by_thread(text):
    """{thread: lines}, threads in the order of their beginning. Calls that others interrupt are put together again: a call
    counts where it ends, as on Samara. Lines of strace without a number are the
    first thread's."""
    threads, unfinished = {}, {}
    main = re.search(r"^(?:\[ *1\] )?set_tid_address\(0x[0-9a-f]+\) += (\d+)", text, re.M).group(1)
    for line in text.splitlines():
        match = re.match(r"(?:\[ *(\d+)\] |\[pid +(\d+)\] )?(.*)", line)
        thread, line = match.group(1) or match.group(2) or main, match.group(3)
        if line.endswith(" <unfinished ...>"):
            unfinished[thread] = line[:-len(" <unfinished ...>")]
            continue
        if RESUMED.match(line):
            line = unfinished.pop(thread, "") + RESUMED.sub("", line)
        if re.match(r"\w+\(.*\) += |--- SIG|\+\+\+ ", line):
            lines = threads.setdefault(thread, [])
            if line.startswith("+++ killed") and lines and lines[-1].endswith(" = ?"):
                lines.pop()  # what it did when it was told to end
            lines.append(masked(line))
    return threads


def compare(name, theirs, ours, show):
    theirs, ours = list(by_thread(theirs).values()), list(by_thread(ours).values())
    if theirs and theirs[0] and theirs[0][0].startswith("execve("):
        theirs[0].pop(0)  # Samara starts the program itself
    differences = [f"{len(theirs)} threads on Linux, {len(ours)} on Samara"] if len(theirs) != len(ours) else []
    for one, other in zip(theirs, ours):
        differences += difflib.unified_diff(one, other, "linux", "samara", lineterm="", n=0)
    for line in differences[:None if show else 30]:
        print(line)
    lines = sum(map(len, theirs))
    if differences or lines < 20:
        print(f"FAIL strace-calls {name}")
        return False
    print(f"ok strace-calls {name} ({lines} lines)")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print every line that differs")
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join(RUNS))
    args = parser.parse_args()
    names = args.names or list(RUNS)
    build()
    theirs = on_linux(names)
    ours = {name: on_samara(name) for name in names}
    for kernel, texts in (("linux", theirs), ("samara", ours)) if args.keep else ():
        os.makedirs(args.keep, exist_ok=True)
        for name, text in texts.items():
            with open(os.path.join(args.keep, f"{name}.{kernel}"), "w", encoding="utf-8") as file:
                file.write(text)
    return 0 if all([compare(name, theirs[name], ours[name], args.show) for name in names]) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`samara run --strace` must print what strace(1) prints on Linux: the same calls in the same order, decoded alike.

  tests/strace-order.py [--show] [--keep DIR]

Runs python3 -c 'print(1)' from one root tree on Samara and, under Debian's strace, on Debian's arm64 kernel. Whole
lines are compared, without what differs by nature: masked() says what that is, docs/tracing.md why. --keep: the texts
as files.
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

PACKAGES = ["--package", "python3-minimal", "--package", "strace"]
PROGRAM = ["/usr/bin/python3", "-c", "print(1)"]
CALL = re.compile(r"(?:\[ *\d+\] |\[pid +\d+\] )?(\w+)\((.*)\) += (.*)$")


def on_samara():
    command = [os.path.join(REPO, "samara"), "run", "--arch", "arm64", "--quiet", "--strace", "--memory", "512M", "--timeout", "300",
               "--cpu", "neoverse-n1"]  # as for Linux: the loader looks for libraries by features of the CPU
    done = subprocess.run(command + PACKAGES + ["--"] + PROGRAM, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=360, check=True)
    return done.stderr.decode(errors="replace")


def on_linux():
    root = subprocess.run([os.path.join(REPO, "samara"), "root"] + PACKAGES, check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()
    job = linux.Job("strace", "/usr/bin/strace", PROGRAM, seconds=300, merge=True, tree=root)
    output, status = linux.run([job], cpus=1)["strace"]
    if status:
        sys.exit(f"strace on Linux ended with {status}:\n{output.decode(errors='replace')[-2000:]}")
    # What the program prints comes in between the arguments and the result of the call that prints it.
    return re.sub(r'", 21\n\) += ', '", 2) = ', output.decode(errors="replace"))


def masked(text):
    """Addresses, inode-dependent and time-dependent numbers out; the rest is what the program does."""
    text = re.sub(r" <[\d.]+>$", "", text)
    text = re.sub(r"/\* \d+ vars \*/", "", text)
    text = re.sub(r"getrandom\(\"(?:\\.|[^\"\\])*\"", "getrandom(BYTES", text)
    text = re.sub(r"^((?:set_tid_address|gettid|getpid)\(.*\)) = \d+", r"\1 = ID", text)
    text = re.sub(r"sysinfo\(.*\)", "sysinfo()", text)
    text = re.sub(r"(S_IFDIR\|\d+, st_size)=\d+", r"\1=N", text)
    text = re.sub(r"^((?:newfstatat|lseek)\(0, ).*", r"\1STDIN", text)  # /dev/null there, a pipe here
    text = re.sub(r"munmap\(0x[0-9a-f]+, \d+\)", "munmap()", text)  # address space randomization decides; see calls()
    text = re.sub(r"0x[0-9a-f]{5,}(?: /\*.*?\*/)?", "ADDR", text)
    return re.sub(r"makedev\([^)]*\)", "makedev()", text)


def calls(text):
    """[(name, line)] without the line prefixes. The program's own output between the lines is left out.

    A run of munmap() counts as one: the loader asks for room to align a library in, and gives back what is before and
    after it; one time in sixteen (pages of 4 KiB, libraries aligned to 64) chance has aligned it and nothing is before.
    """
    found = []
    for line in text.splitlines():
        match = CALL.match(line)
        if match and not (match.group(1) == "munmap" and found and found[-1][0] == "munmap"):
            found.append((match.group(1), masked(f"{match.group(1)}({match.group(2)}) = {match.group(3)}")))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print every line that differs")
    parser.add_argument("--keep", metavar="DIR")
    args = parser.parse_args()
    texts = {"linux": on_linux(), "samara": on_samara()}
    if args.keep:
        os.makedirs(args.keep, exist_ok=True)
        for name, text in texts.items():
            with open(os.path.join(args.keep, name), "w", encoding="utf-8") as file:
                file.write(text)
    theirs, ours = calls(texts["linux"]), calls(texts["samara"])
    if theirs and theirs[0][0] == "execve":
        theirs.pop(0)  # Samara starts the program itself
    names = list(difflib.unified_diff([name for name, _ in theirs], [name for name, _ in ours], "linux", "samara",
                                      lineterm="", n=2))
    lines = list(difflib.unified_diff([line for _, line in theirs], [line for _, line in ours], "linux", "samara",
                                      lineterm="", n=0))
    for line in lines if args.show else names or lines[:20]:
        print(line)
    same = sum(line in {text for _, text in ours} for _, line in theirs)
    print(f"{len(theirs)} calls on Linux, {len(ours)} on Samara; {same} lines are alike once masked")
    if not theirs or lines:
        print("strace-order: FAILED")
        return 1
    print("strace-order: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""When --timeout strikes, the report must tell what the machine was doing (tools/samara/hang.py).

Two programs that do not end: one whose threads wait for each other, one that computes. The last line is "hang-check: ok" or
"FAILED". How long anything took is not looked at, nor whom the first sentence blames where the host may have been slow.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
REPO = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
ARCH = os.environ.get("ARCH", "arm64")
sys.path.insert(0, os.path.join(REPO, "tools"))

from samara import ports  # noqa: E402  (the path above must be set first)

PROGRAM = """
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *other(void *is_spinning)
{
	pthread_setname_np(pthread_self(), "planted");
	write(1, "begun\\n", 6);
	if (is_spinning)
		for (;;)
			__asm__ volatile("" ::: "memory");
	pthread_mutex_lock(&lock);
	return NULL;
}
int main(int argc, char **argv)
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	pthread_create(&thread, NULL, other, argc > 1 ? argv : NULL);
	pthread_join(thread, NULL);
	return 0;
}
"""
# A thread that was preempted keeps a note of it until it returns to the application (ATTN_RSEQ).
END = r"(  attention 0x8)?$"
# What is in the report of each: of the threads' lines "name state ... wait reason", then others.
EXPECTED = {
    (): [r"planted +blocked .* futex" + END, r"\.hang +blocked .* futex" + END, r"CPU 0: runs 0 idle/0, at ", r"CPU 1: runs 0 idle/1, at "],
    ("spin",): [r"planted +running .* -" + END, r"\.hang +blocked .* futex" + END, r"CPU [01]: runs \d+ planted, at the application", r"CPU [01]: runs 0 idle/[01], at "],
}
ALWAYS = [r"^samara: stopped after ", r"^samara: the guest's clock is at [\d.]+ s, [\d.]+ s after the start of the machine; ",
          r"guest: busy [\d.]+ s of [\d.]+ s; \d+ switches, \d+ interrupts", r"queue: 0 threads, incoming empty, requests 0x0"]


def kernel_options(folder, arguments):
    """The second program runs on a kernel whose image lies elsewhere, beside the symbols of something else."""
    if not arguments:
        return []
    shutil.copy(ports.kernel(ports.by_name(ARCH), REPO), os.path.join(folder, "samara.img"))
    shutil.copy(os.path.join(folder, "planted.hang"), os.path.join(folder, "kernel.elf"))
    return ["--kernel", os.path.join(folder, "samara.img")]


def problems(folder, arguments):
    program = os.path.join(folder, "planted.hang")
    done = subprocess.run([os.path.join(REPO, "samara"), "run", "--quiet", "--net", "none", "--cpus", "2", "--memory", "64M",
                           "--timeout", "8", *kernel_options(folder, arguments), program, *arguments], capture_output=True, text=True, check=False, timeout=300)
    if "begun" not in done.stdout:
        return None
    found = [f"exit status {done.returncode}"] if done.returncode != 124 else []
    found += [f"no line has {pattern}" for pattern in ALWAYS + EXPECTED[arguments]
              if not re.search(pattern, done.stderr, re.MULTILINE)]
    return found + [done.stderr] if found else []


def main():
    port = ports.by_name(ARCH)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="samara-hang-check-") as folder:
        subprocess.run([port.compiler, "-O2", "-static", "-pthread", "-x", "c", "-", "-o", os.path.join(folder, "planted.hang")],
                       input=PROGRAM, text=True, check=True)
        for arguments in EXPECTED:
            for _ in range(3):  # a busy host may not come as far as the program
                found = problems(folder, arguments)
                if found is not None:
                    break
            for line in ["the program did not begin in time, three times"] if found is None else found:
                print(f"{' '.join(arguments) or 'wait'}: {line}")
                bad += 1
    print("FAILED" if bad else "hang-check: ok")
    return 1 if bad else 0


sys.exit(main())

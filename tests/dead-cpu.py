#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A CPU that the firmware refuses to start must not count: nothing is given to it, and the machine ends.

Two machines of QEMU's "virt" with two CPUs, whose device trees have one more that does not exist: as the last of three, and as the second. (arm64 alone: on a PC the tables
are QEMU's own.) The last line is "dead-cpu: ok" or "FAILED".
"""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
REPO = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(REPO, "tools"))

from samara import ports  # noqa: E402  (the path above must be set first)

PORT = ports.by_name("arm64")
ABSENT = 7  # MPIDR of no CPU

# argument 1: the number of the dead CPU, 2: of one that lives
PROGRAM = """
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static void show(const char *name)
{
	char path[100], text[100];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/%s", name);
	f = fopen(path, "r");
	printf("%s %s", name, f && fgets(text, sizeof(text), f) ? text : "cannot be read\\n");
}
static int pin(int a, int b)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(a, &set);
	CPU_SET(b, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? errno : 0;
}
static void *run(void *argument)
{
	return argument;
}
int main(int argc, char **argv)
{
	int dead = atoi(argv[argc - 2]), alive = atoi(argv[argc - 1]);
	pthread_attr_t attributes;
	pthread_t threads[20];
	cpu_set_t set;
	long n = 0;

	show("present");
	show("online");
	printf("nproc %ld\\n", sysconf(_SC_NPROCESSORS_ONLN));
	sched_getaffinity(0, sizeof(set), &set);
	printf("affinity %d\\n", CPU_COUNT(&set));
	printf("to the dead one: %s\\n", strerror(pin(dead, dead)));
	printf("to one that lives: %s", strerror(pin(alive, alive)));
	printf(", %s\\n", sched_getcpu() == alive ? "there" : "elsewhere");
	printf("to both: %s", strerror(pin(dead, alive)));
	printf(", %s\\n", sched_getcpu() == alive ? "there" : "elsewhere");
	pin(0, alive);
	CPU_ZERO(&set);
	CPU_SET(dead, &set);
	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	printf("a thread for it: %s\\n", strerror(pthread_create(&threads[0], &attributes, run, NULL)));
	for (int i = 0; i < 20; i++)
		n += pthread_create(&threads[i], NULL, run, NULL) == 0;
	for (int i = 0; i < 20; i++)
		pthread_join(threads[i], NULL);
	printf("membarrier %ld\\n", syscall(SYS_membarrier, 1, 0, 0));
	printf("threads %ld\\n", n);
	return 0;
}
"""

EXPECTED = """present 0-2
online {online}
nproc 2
affinity 2
to the dead one: Invalid argument
to one that lives: Success, there
to both: Success, there
a thread for it: Invalid argument
membarrier 0
threads 20
"""


def device_tree(folder, dead):
    """Of two CPUs, with one that does not exist in the place `dead`."""
    path = os.path.join(folder, f"{dead}.dtb")
    subprocess.run([PORT.qemu, "-machine", "virt,gic-version=2,dumpdtb=" + path, "-cpu", "cortex-a72", "-smp", "2", "-m", "64M",
                    "-nographic"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    source = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", "-q", path], check=True, capture_output=True, text=True).stdout
    node = re.search(r"\tcpu@1 \{.*?\n\t\t\};\n", source, re.DOTALL).group(0)
    absent = re.sub(r"phandle = <[^>]*>;", "", node).replace("cpu@1", f"cpu@{ABSENT}").replace("reg = <0x01>", f"reg = <0x{ABSENT:02x}>")
    # The kernel numbers CPUs in the order of the nodes.
    source = source.replace(node, node + "\t" + absent if dead == 2 else absent + "\t" + node)
    source = re.sub(r"\tcpu-map \{.*?\n\t\t\};\n", "", source, flags=re.DOTALL)
    subprocess.run(["dtc", "-I", "dts", "-O", "dtb", "-q", "-f", "-o", path], check=True, input=source, text=True)
    return path


def problems(folder, dead):
    done = subprocess.run([os.path.join(REPO, "samara"), "run", "--quiet", "--net", "none", "--cpus", "2", "--memory", "64M",
                           "--machine", "dtb=" + device_tree(folder, dead), "--timeout", "100", os.path.join(folder, "dead-cpu"),
                           str(dead), str(3 - dead)],
                          capture_output=True, text=True, check=False, timeout=300)
    found = [f"exit status {done.returncode}"] if done.returncode else []
    expected = EXPECTED.format(online="0-1" if dead == 2 else "0,2")
    found += [f"missing: {line}" for line in expected.splitlines() if line not in done.stdout.splitlines()]
    if f"CPU {dead} (0x{ABSENT:x}) does not start" not in done.stderr:
        found.append("the kernel does not say that it does not start")
    return found + [done.stdout, done.stderr] if found else []


def main():
    bad = []
    with tempfile.TemporaryDirectory(prefix="samara-dead-cpu-") as folder:
        subprocess.run([PORT.compiler, "-O2", "-static", "-pthread", "-x", "c", "-", "-o", os.path.join(folder, "dead-cpu")],
                       input=PROGRAM, text=True, check=True)
        for dead in (2, 1):
            bad += problems(folder, dead)
    print("\n".join(bad + ["dead-cpu: FAILED" if bad else "dead-cpu: ok"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""Executed instructions by function, from the table that bench/host/count.c keeps with profile=FILE."""
import array
import bisect
import collections
import os
import subprocess

SLOTS = 1 << 20
UPPER = 1 << 63
LEAST = float(os.environ.get("SAMARA_LEAST", "0.01"))  # of all: functions with less are not named
APPLICATION = "the program and its libraries"
# (group, what its source files begin with): the first that fits; the table of groups has this order.
GROUPS = (
    ("application", ("application",)),
    ("entry and exit of system calls", ("arch-arm64/syscall", "arch-arm64/entry", "arch-arm64/exception", "linux/dispatch", "linux/entry")),
    ("copy", ("arch-arm64/uaccess", "arch-arm64/libc/", "fs/uio", "net/pkt-uio", "linux/uio", "mmu/user")),
    ("epoll, poll and select", ("fs/epoll", "fs/poll", "linux/sys-event", "linux/sys-epoll", "linux/sys-poll")),
    ("virtio and interrupts", ("virtio", "gic/", "sched/irq", "net/netdev", "arch-arm64/irq")),
    ("Ethernet, IP, classifying", ("net/eth", "net/ip", "net/tcp-demux", "net/siphash", "net/channel", "net/route", "net/neigh")),
    ("TCP in", ("net/tcp-input", "net/tcp-ack", "net/tcp-rack", "net/tcp-recvq", "net/tcp-cong", "net/tcp-cubic", "net/gro")),
    ("TCP out", ("net/tcp-output", "net/tcp-sendq", "net/tcp-timer", "net/tcp-pace")),
    ("packets and memory", ("net/pkt", "mmu/")),
    ("socket calls", ("net/", "linux/sys-socket")),
    ("files and other system calls", ("fs/", "linux/")),
    ("scheduler and timers", ("sched/", "arch-arm64/switch")),
    ("other", ("",)),
)


def read(path):
    """{address: executions}"""
    words = array.array("Q")
    with open(path, "rb") as handle:
        words.fromfile(handle, 2 * SLOTS)
    return {address: number for address, number in zip(words[::2], words[1::2]) if number}


class Functions:
    """The functions of a kernel."""

    def __init__(self, elf):
        self.elf, self.table = elf, []
        out = subprocess.run(["aarch64-linux-gnu-nm", "-n", "--defined-only", elf], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            address, kind, name = line.split(maxsplit=2)
            if kind in "tTwW" and not name.startswith("$"):
                self.table.append((int(address, 16), name))
        self.starts = [address for address, _ in self.table]

    def find(self, pc):
        """(address, name); (0, name) for what is not the kernel's."""
        index = bisect.bisect_right(self.starts, pc) - 1
        if pc < UPPER:
            return 0, APPLICATION
        return self.table[index] if index >= 0 else (0, "(before the kernel)")

    def files(self, addresses):
        """{address: source file in the repository} of functions: with -i the last line is not that of an inlined one."""
        out = subprocess.run(["aarch64-linux-gnu-addr2line", "-i", "-a", "-e", self.elf] + [hex(address) for address in addresses],
                             capture_output=True, text=True, check=True).stdout.splitlines()
        repo = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/"
        found = {}
        for line in out:
            if line.startswith("0x"):
                address = int(line, 16)
            else:
                found[address] = os.path.normpath(line.rpartition(":")[0].replace(repo, ""))
        return found


def group_of(path):
    return next(group for group, starts in GROUPS if path.startswith(starts))


def table(functions, before, after, requests):
    """A Markdown table: instructions per request, calls per request, function, its file."""
    totals, entries = collections.Counter(), {}
    for pc, number in after.items():
        number -= before.get(pc, 0)
        found = functions.find(pc)
        totals[found] += number
        if found[0] == pc:
            entries[found] = number
    everything = sum(totals.values())
    files = functions.files([address for address, _ in totals if address])
    groups = collections.Counter()
    for (address, _), number in totals.items():
        groups[group_of(files.get(address, "application"))] += number
    digits = 0 if everything / requests > 100 else 4
    lines = [f"{everything / requests:,.{digits}f} instructions, {requests:,} requests", "",
             "| instructions | % | calls | function | file |", "|--:|--:|--:|---|---|"]
    for found, number in totals.most_common():
        if number >= LEAST * everything:
            lines.append(f"| {number / requests:,.{digits}f} | {100 * number / everything:.1f} | "
                         f"{entries.get(found, 0) / requests:.{digits or 2}f} | `{found[1]}` | {files.get(found[0], '')} |")
    lines += ["", "| instructions | % | group |", "|--:|--:|---|"]
    for name, _ in GROUPS:
        if groups[name]:
            lines.append(f"| {groups[name] / requests:,.{digits}f} | {100 * groups[name] / everything:.1f} | {name} |")
    return "\n".join(lines)

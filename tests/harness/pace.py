# SPDX-License-Identifier: MIT
"""Did the host keep pace? What a test says about times counts only if this process and the machines it started got a CPU
when they wanted one.

Measured: how long our threads and those of all our children waited for a CPU (proc(5), schedstat), how long the
hypervisor below kept this host waiting (steal in /proc/stat), and by how much a thread that sleeps 10 ms at a time
overslept, which sees what stops everything.
"""
import os
import threading
import time

LIMIT = 0.02  # seconds; the shortest times that scripts judge are not much longer


def descendants(pid):
    """This process and all below it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parents.setdefault(int(file.read().rsplit(b")", 1)[1].split()[1]), []).append(int(name))
            except (OSError, IndexError):
                pass  # it has just ended
    found, new = [], [pid]
    while new:
        found += new
        new = [child for parent in new for child in parents.get(parent, [])]
    return found


def waited(pids):
    """{thread: seconds that it has waited for a CPU}."""
    waits = {}
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                    waits[thread] = int(file.read().split()[1]) / 1e9
        except (OSError, IndexError):
            pass  # it has just ended, or this kernel does not tell
    return waits


def stolen():
    """Seconds that the hypervisor kept the CPUs of this host waiting."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


class Pace:
    """Looks at the host from its making on; lost() since the last mark()."""

    def __init__(self):
        self.lock = threading.Lock()
        self.mark()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        next_look = 0.0
        while True:
            begin = time.monotonic()
            time.sleep(0.01)
            late = time.monotonic() - begin - 0.01
            with self.lock:
                self.overslept = max(self.overslept, late)
                if time.monotonic() > next_look:  # often, for threads that end take their count with them
                    self.waits.update(waited(descendants(os.getpid())))
                    next_look = time.monotonic() + 0.3

    def mark(self):
        with self.lock:
            self.before, self.stolen, self.overslept = waited(descendants(os.getpid())), stolen(), 0.0
            self.waits = dict(self.before)

    def lost(self):
        """Seconds, at most, by which anything can have been late."""
        with self.lock:
            self.waits.update(waited(descendants(os.getpid())))
            return max(self.overslept, stolen() - self.stolen,
                       max(seconds - self.before.get(thread, 0.0) for thread, seconds in self.waits.items()))

    def kept(self):
        return self.lost() < LIMIT

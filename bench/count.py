# SPDX-License-Identifier: MIT
"""Executed instructions of a QEMU machine, read from outside while it runs (bench/host/count.c, which has the layout)."""
import mmap
import os
import struct
import time

MAGIC = 0x53414D434F554E54
MAX_CPUS = 64
SIZE = (MAX_CPUS + 1) * 64


class Counter:
    """The counts of one machine. `words` go onto QEMU's command line; open() once it runs."""

    def __init__(self, plugin, path, profile=None):
        self.path, self.map, self.profile = path, None, profile
        self.words = ["-plugin", f"{plugin},path={path}" + (f",profile={profile}" if profile else "")]

    def open(self, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if os.path.exists(self.path) and os.path.getsize(self.path) == SIZE:
                with open(self.path, "r+b") as handle:
                    self.map = mmap.mmap(handle.fileno(), SIZE)
                if self.word(0) == MAGIC:
                    return
                self.map.close()
            time.sleep(0.002)
        raise RuntimeError("QEMU did not load the plugin that counts instructions")

    def word(self, offset):
        return struct.unpack_from("<Q", self.map, offset)[0]

    def start(self):
        struct.pack_into("<Q", self.map, 8, 1)

    def stop(self):
        struct.pack_into("<Q", self.map, 8, 0)

    def per_cpu(self):
        """[(below 1 << 63, above)] for each CPU that has run."""
        return [struct.unpack_from("<QQ", self.map, 64 * (cpu + 1)) for cpu in range(self.word(16))]

    def total(self):
        return sum(low + high for low, high in self.per_cpu())

    def close(self):
        if self.map:
            self.map.close()
            self.map = None

# SPDX-License-Identifier: MIT
"""Writes cpio archives in the "newc" form that Linux takes as an initramfs
(Linux Documentation/driver-api/early-userspace/buffer-format.rst)."""
import os
import stat


class Archive:
    """An archive in memory; directories above a file are added by themselves."""

    def __init__(self):
        self.parts = []
        self.names = set()
        self.inode = 1

    def add(self, name, mode, data=b"", rdev=(0, 0), mtime=0):
        name = name.lstrip("/")
        if name in self.names:
            return
        parent = os.path.dirname(name)
        if parent and parent not in self.names:
            self.add(parent, stat.S_IFDIR | 0o755)
        self.names.add(name)
        self.parts.append(self.entry(name, mode, data, rdev, mtime))

    def entry(self, name, mode, data, rdev, mtime=0):
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, mtime, len(data), 0, 0, rdev[0], rdev[1], len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        head += b"\0" * (-len(head) % 4)
        return head + data + b"\0" * (-len(data) % 4)

    def add_file(self, name, path, mode=0o755, mtime=0):
        with open(path, "rb") as handle:
            self.add(name, stat.S_IFREG | mode, handle.read(), mtime=mtime)

    def add_tree(self, directory):
        """All directories, files and symbolic links below a directory, with their modes and times (Python compares these with what it has compiled)."""
        for parent, directories, files in os.walk(directory):
            for entry in sorted(directories) + sorted(files):
                path = os.path.join(parent, entry)
                name = os.path.relpath(path, directory)
                status = os.lstat(path)
                mode, mtime = status.st_mode, int(status.st_mtime)
                if stat.S_ISLNK(mode):
                    self.add(name, stat.S_IFLNK | 0o777, os.readlink(path).encode())
                elif stat.S_ISDIR(mode):
                    self.add(name, mode, mtime=mtime)
                elif stat.S_ISREG(mode):
                    self.add_file(name, path, stat.S_IMODE(mode), mtime)

    def content(self):
        return b"".join(self.parts) + self.entry("TRAILER!!!", 0, b"", (0, 0))

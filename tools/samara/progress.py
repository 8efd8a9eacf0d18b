# SPDX-License-Identifier: MIT
"""One line of progress on standard error, only if that is a terminal; it is wiped when the work is done."""
import os
import shutil
import sys


class Progress:
    """show(text) replaces the line; close() removes it. Silent when standard error is no terminal."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.active = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.shown = False

    def show(self, text):
        if not self.active:
            return
        width = shutil.get_terminal_size((80, 24)).columns - 1
        self.stream.write("\r\033[K" + text[:width])
        self.stream.flush()
        self.shown = True

    def count(self, what, done, total, unit=""):
        """A line such as "download 12/40 MB [######      ]"."""
        filled = 24 * min(done, total) // max(total, 1)
        self.show(f"{what} {done}/{total}{unit} [{'#' * filled}{' ' * (24 - filled)}]")

    def close(self):
        if self.shown:
            self.stream.write("\r\033[K")
            self.stream.flush()
            self.shown = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def megabytes(count):
    """Bytes as whole megabytes, at least 1."""
    return max(1, (count + 500_000) // 1_000_000)

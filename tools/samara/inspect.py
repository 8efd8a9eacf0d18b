# SPDX-License-Identifier: MIT
"""Looking inside a run: where --trace, --profile and --boot-chart get their data and write their files."""
import os
import re
import subprocess
import sys
import tempfile

from . import bootchart, paths, ports, profile, trace
from .errors import Failure

DEFAULT_RATE = 1000


def split_events(text):
    """FILE[:EVENTS] -> (file, events or None). A colon before a slash belongs to the file's name."""
    name, colon, events = text.rpartition(":")
    if colon and name and re.fullmatch(r"[a-z_,]+", events):
        return name, events
    return text, None


def split_rate(text):
    name, colon, rate = text.rpartition(":")
    if colon and name and rate.isdigit() and 0 < int(rate) <= 9999:
        return name, int(rate)
    return text, DEFAULT_RATE


class Inspection:
    """With --trace or --profile: gives the machine a port for its trace, and makes the files when it has ended."""

    def __init__(self, options, machine):
        self.options, self.machine, self.raw = options, machine, None
        if (options.trace or options.profile) and machine.console != "ports":
            raise Failure("--trace and --profile need --console ports")

    def __enter__(self):
        if self.options.trace or self.options.profile:
            handle, self.raw = tempfile.mkstemp(prefix="samara-trace-")
            os.close(handle)
            self.machine.trace = self.raw
        return self

    def __exit__(self, *_):
        if self.raw:
            os.unlink(self.raw)

    def find_file(self, path):
        """The host's copy of a file of the root image, for its symbols."""
        tree = extract(self.machine.initrd)
        full = os.path.realpath(os.path.join(tree, path.lstrip("/")))
        return full if os.path.isfile(full) else None

    def write(self):
        if not self.raw:
            return
        with open(self.raw, "rb") as file:
            data = file.read()
        if os.environ.get("SAMARA_KEEP_TRACE"):  # tests/trace-check.py
            paths.write_file(os.environ["SAMARA_KEEP_TRACE"], data)
        if self.options.trace:
            out = split_events(self.options.trace)[0]
            seen = trace.write_chrome(data, out, os.path.join(paths.REPO, "linux/syscalls.def"),
                                      1 + ports.PORTS.index(self.machine.port))
            lost = sum(seen.lost.values())
            if lost:
                print(f"samara: the oldest {lost} records did not fit: trace fewer events, or --append trace-buffer=8", file=sys.stderr)
        if self.options.profile:
            elf = os.path.join(os.path.dirname(self.machine.kernel), "kernel.elf")
            title = " ".join([os.path.basename(self.options.program)] + self.options.arguments)[:90]
            profile.write(trace.parse(data), split_rate(self.options.profile)[0], elf, self.find_file, title)


def extract(image):
    """The tree of an EROFS image, unpacked once."""
    tree = image + ".tree"
    if not os.path.isdir(tree):
        partial = tempfile.mkdtemp(prefix=os.path.basename(image), dir=os.path.dirname(image))
        done = subprocess.run([paths.find_tool("fsck.erofs", "erofs-utils"), f"--extract={partial}", "--overwrite", image],
                              capture_output=True, check=False)
        if done.returncode:
            return partial
        try:
            os.rename(partial, tree)
        except OSError:
            return partial
    return tree


def boot_chart(options):
    """The same command with --boot-report; its lines become the picture."""
    words = [word for word in sys.argv[1:]]
    index = next(i for i, word in enumerate(words) if word.split("=")[0] == "--boot-chart")
    del words[index:index + (1 if "=" in words[index] else 2)]
    words.insert(1, "--boot-report")
    done = subprocess.run([os.path.join(paths.REPO, "samara")] + words, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    sys.stderr.write(done.stderr)
    rows = bootchart.parse(done.stderr.splitlines())
    if not rows:
        raise Failure("the kernel printed no boot report")
    with open(options.boot_chart, "w", encoding="utf-8") as file:
        file.write(bootchart.svg(rows, "instructions"))
    return done.returncode

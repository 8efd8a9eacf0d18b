# SPDX-License-Identifier: MIT
"""Runs QEMU and connects the program's streams with ours.

Each stream of the machine ends in a socket whose other end is ours; one thread per stream copies bytes, so that a reader
who is slow (`| less`) stops only the stream concerned: QEMU then leaves the data in the guest's queue.

    our stdin  -> thread -> socket -> QEMU chardev "stdin"   end of file: the socket's sending side is shut down
    our stdout <- thread <- socket <- QEMU chardev "stdout"  we are closed: the socket is closed, the guest sees it
    our stderr <- thread <- socket <- QEMU chardev "stderr"
    our stderr <- thread <- socket <- QEMU chardev "uart"    kernel messages
    our stderr <- thread <- pipe   <- QEMU's own stderr      what QEMU has to say of itself

With console "uart" there is one socket, for our stdin and our stdout.

If our stdin is a terminal it is set to raw mode while the machine runs: the guest's terminal code edits lines and makes
signals of ^C. Ctrl-A x then ends the machine, Ctrl-A twice sends one Ctrl-A. SIGINT, SIGTERM and SIGHUP to this process
end it too, and QEMU never outlives this process.
"""
import ctypes
import os
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import tty

from . import hang
from .errors import EXIT_TIMEOUT, Failure

ESCAPE = 0x01  # Ctrl-A
INTERRUPT = 0x03  # Ctrl-C
CHUNK = 65536
PR_SET_PDEATHSIG = 1
LINGER_SECONDS = 1.0  # how long output is waited for when the machine was killed
HINT_INTERRUPTS, HINT_SECONDS = 3, 1.5


def open_standard_streams():
    """Make sure that descriptors 0 to 2 are open, so that nothing of ours lands on them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def is_foreground_terminal(number):
    """A terminal that we may read: not when this process runs in the background of a shell."""
    try:
        return os.isatty(number) and os.tcgetpgrp(number) == os.getpgrp()
    except OSError:
        return False


def terminals():
    """The names of our streams that the guest shall take for terminals.

    stdin counts only together with an output: the guest's line editing has to be able to echo."""
    outputs = [name for number, name in ((1, "stdout"), (2, "stderr")) if os.isatty(number)]
    return (["stdin"] if outputs and is_foreground_terminal(0) else []) + outputs


def window_size():
    """COLSxROWS of our terminal, or None."""
    for number in (1, 2, 0):
        try:
            size = os.get_terminal_size(number)
            if size.columns and size.lines:
                return f"{size.columns}x{size.lines}"
        except OSError:
            pass
    return None


class RawTerminal:
    """Raw mode on descriptor 0 while in the with block. keep_output: the host still turns \\n into \\r\\n."""

    def __init__(self, active, keep_output):
        self.active = active
        self.keep_output = keep_output

    def __enter__(self):
        if self.active:
            self.saved = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSADRAIN)
            if self.keep_output:
                attributes = termios.tcgetattr(0)
                attributes[1] |= termios.OPOST
                termios.tcsetattr(0, termios.TCSADRAIN, attributes)
        return self

    def __exit__(self, *_):
        if self.active:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)


class Escape:
    """Finds Ctrl-A x in what is typed. feed() returns (bytes for the guest, end?)."""

    def __init__(self):
        self.pending = False
        self.interrupts = []

    def feed(self, data, now=0.0):
        output = bytearray()
        for byte in data:
            if self.pending:
                self.pending = False
                if byte in b"xX":
                    return bytes(output), True
                output += bytes([ESCAPE]) if byte in (ESCAPE, ord("a")) else bytes([ESCAPE, byte])
            elif byte == ESCAPE:
                self.pending = True
            else:
                output.append(byte)
                if byte == INTERRUPT:
                    self.interrupts.append(now)
        return bytes(output), False

    def wants_hint(self):
        """True once after several ^C in a row that did not end the program."""
        last = self.interrupts[-HINT_INTERRUPTS:]
        if len(last) == HINT_INTERRUPTS and last[-1] - last[0] < HINT_SECONDS:
            self.interrupts = []
            return True
        return False


def message_lines(data, raw):
    """Kernel messages with the line ends that our stderr needs now."""
    data = data.replace(b"\r\n", b"\n")
    return data.replace(b"\n", b"\r\n") if raw else data


def write_all(number, data):
    view = memoryview(data)
    while view:
        view = view[os.write(number, view):]


def die_with_parent(library=None):
    """A function for the child: have the kernel kill it when we die, however that happens."""
    library = library or ctypes.CDLL(None)
    return lambda: library.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


class Session:
    """One run of a machine. run() returns the exit status of this command."""

    def __init__(self, console, quiet=False, timeout=None, has_status_port=False, kernel=None):
        """has_status_port: the program's status comes through the chardev "status", QEMU's own says nothing.

        kernel: with a time-out, its image, for the report of what the machine was doing."""
        self.console = console
        self.has_status_port = has_status_port
        self.reported = b""
        self.quiet = quiet
        self.timeout = timeout
        self.raw = "stdin" in terminals()
        self.sockets, self.inherited = {}, {}
        for name in ("uart",) + (("stdin", "stdout", "stderr") if console == "ports" else ()) + (
                ("status",) if has_status_port else ()) + ((hang.MONITOR,) if timeout is not None and kernel else ()):
            self.sockets[name], self.inherited[name] = socket.socketpair()
        self.kernel = kernel
        self.monitor, self.report = None, []
        self.child = None
        self.killed_by = None  # a signal's number, "timeout", "escape" or "pipe"
        self.errors = b""
        self.threads = []

    def descriptors(self):
        """{chardev name: descriptor} that QEMU inherits."""
        return {name: end.fileno() for name, end in self.inherited.items()}

    def run(self, words):
        handlers = {number: signal.signal(number, self.on_signal)
                    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            with RawTerminal(self.raw, keep_output=self.console == "uart"):
                self.start(words)
                self.wait()
                self.drain()
        finally:
            if self.child:
                self.child.kill()
                self.child.wait()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return self.status(words)

    # -- the child ----------------------------------------------------------------------------------------------

    def start(self, words):
        self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, pass_fds=self.descriptors().values(),
                                      start_new_session=True, preexec_fn=die_with_parent())
        for end in self.inherited.values():
            end.close()
        if hang.MONITOR in self.sockets:
            self.monitor = hang.Monitor(self.sockets[hang.MONITOR])
        self.spawn(self.copy_errors, self.child.stderr)
        if self.has_status_port:
            self.spawn(self.read_status, self.sockets["status"])
        if self.console == "ports":
            self.spawn(self.copy_output, self.sockets["stdout"], 1)
            self.spawn(self.copy_output, self.sockets["stderr"], 2)
            self.spawn(self.copy_messages, self.sockets["uart"])
            source = self.sockets["stdin"]
        else:
            self.spawn(self.copy_output, self.sockets["uart"], 1)
            source = self.sockets["uart"]
        threading.Thread(target=self.copy_input, args=(source,), daemon=True).start()

    def spawn(self, function, *arguments):
        """A thread that is waited for at the end: it has output to deliver."""
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        self.threads.append(thread)

    def kill(self, reason):
        if self.killed_by is None:
            self.killed_by = reason
        self.child.kill()

    def stop_late(self):
        """The time is over: see what the machine is doing, and end it."""
        self.killed_by = "timeout"
        if self.monitor:
            self.report = hang.report_lines(self.monitor, self.child.pid, self.kernel)
        self.child.kill()

    def on_signal(self, number, _frame):
        if self.child is None:
            raise KeyboardInterrupt
        self.kill(number)

    def wait(self):
        """Until QEMU ends or the time is over. A pidfd wakes us at once; without one, subprocess polls."""
        limit = None if self.timeout is None else self.timeout * 1000
        try:
            descriptor = os.pidfd_open(self.child.pid)
        except (AttributeError, OSError):
            descriptor = None
        if descriptor is None:
            try:
                self.child.wait(self.timeout)
            except subprocess.TimeoutExpired:
                self.stop_late()
            return
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(limit):
            self.stop_late()
        os.close(descriptor)
        self.child.wait()

    def drain(self):
        """Let the threads deliver what QEMU had written; not for long if the machine was killed."""
        limit = time.monotonic() + LINGER_SECONDS
        for thread in self.threads:
            while thread.is_alive():
                thread.join(0.05)
                if self.killed_by is not None and time.monotonic() > limit:
                    return

    # -- threads ------------------------------------------------------------------------------------------------

    def copy_input(self, target):
        escape = Escape()
        try:
            while self.raw or not os.isatty(0) or is_foreground_terminal(0):
                data = os.read(0, CHUNK)
                if not data:
                    break
                if self.raw:
                    data, end = escape.feed(data, time.monotonic())
                    if end:
                        self.kill("escape")
                        return
                    if escape.wants_hint() and not self.quiet:
                        write_all(2, b"\r\nsamara: Ctrl-A x ends the machine\r\n")
                target.sendall(data)
        except OSError:
            pass  # QEMU has ended, or our terminal has gone away
        if self.console == "ports":
            try:
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def copy_output(self, source, number):
        try:
            while data := source.recv(CHUNK):
                write_all(number, data)
        except BrokenPipeError:
            if self.console == "uart":
                self.kill("pipe")
        except OSError:
            pass  # the machine was killed
        source.close()

    def copy_messages(self, source):
        try:
            while data := source.recv(CHUNK):
                write_all(2, message_lines(data, self.raw))
        except OSError:
            pass
        source.close()

    def read_status(self, source):
        try:
            while data := source.recv(CHUNK):
                self.reported = data[-1:]
        except OSError:
            pass
        source.close()

    def copy_errors(self, source):
        """QEMU's own messages: shown, and kept to tell its failure from the program's."""
        while data := source.readline():
            self.errors = (self.errors + data)[-CHUNK:]
            try:
                write_all(2, message_lines(data, self.raw))
            except OSError:
                pass

    # -- the result ---------------------------------------------------------------------------------------------

    def status(self, words):
        """The exit status of this command, or Failure."""
        if self.killed_by == "timeout":
            print(f"samara: stopped after {self.timeout:g} seconds (--timeout)", *self.report, sep="\n", file=sys.stderr)
            return EXIT_TIMEOUT
        if self.killed_by == "escape":
            return 128 + signal.SIGKILL
        if self.killed_by == "pipe":
            return 128 + signal.SIGPIPE
        if self.killed_by is not None:
            return 128 + self.killed_by
        code = self.child.returncode
        if code < 0:
            raise Failure(f"QEMU was ended by signal {-code}; run with --dry-run to see its command")
        name = re.escape(os.path.basename(words[0]).encode())
        if code == 1 and re.search(rb"^(\S*/)?" + name + rb": (?!warning)", self.errors, re.MULTILINE):
            raise Failure("QEMU did not start; its message stands above, and --dry-run prints its command")
        if self.has_status_port:
            if not self.reported:
                raise Failure("the machine ended without a status: it was reset, or the kernel could not leave it")
            return self.reported[0]
        return code

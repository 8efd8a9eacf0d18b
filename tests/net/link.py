# SPDX-License-Identifier: MIT
"""Ends of an Ethernet link in user space: QEMU's socket back end, and a tap of the namespace that the test made.

Everything stays in a network namespace of the test's own (enter_namespace), so that no frame leaves this machine.
"""
import fcntl
import os
import select
import shutil
import socket
import struct
import subprocess
import sys

MTU_FRAME = 65536 + 64
MARK = "SAMARA_NET_NAMESPACE"


def enter_namespace(needs_tap=True, is_needed=True):
    """Start this program again in a new network namespace; True in it. Where that is not allowed it ends with a sentence, or goes on: False."""
    if os.environ.get(MARK):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return True
    why = None
    for words in (["unshare", "-n"], ["unshare", "-rn"]):
        if not shutil.which("unshare") or not shutil.which("ip"):
            why = "unshare or ip is not installed"
            break
        probe = "ip link set lo up" + (" && ip tuntap add dev probe mode tap" if needs_tap else "")
        if subprocess.run([*words, "sh", "-c", probe], capture_output=True, check=False).returncode == 0:
            os.environ[MARK] = "1"
            os.execvp(words[0], [*words, sys.executable, *sys.argv])
        why = f"network namespaces{' with taps' * needs_tap} are not allowed here"
    if not is_needed:
        return False
    print(f"skipped: {why}")
    sys.exit(0)


class SocketEnd:
    """QEMU's `-netdev socket,connect=`: each frame behind four bytes of its length. Give .option to samara run --net."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.option = f"socket,connect=127.0.0.1:{self.server.getsockname()[1]}"
        self.stream, self.inbox, self.outbox = None, bytearray(), bytearray()

    def accept(self, seconds=30):
        self.server.settimeout(seconds)
        self.stream = self.server.accept()[0]
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.stream.setblocking(False)
        self.server.close()

    def fileno(self):
        return self.stream.fileno()

    def receive(self):
        """The frames that have come; None when QEMU has ended."""
        try:
            data = self.stream.recv(1 << 18)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self.inbox += data
        frames, at = [], 0
        while at + 4 <= len(self.inbox):
            size = struct.unpack_from(">I", self.inbox, at)[0]
            if at + 4 + size > len(self.inbox):
                break
            frames.append(bytes(self.inbox[at + 4:at + 4 + size]))
            at += 4 + size
        del self.inbox[:at]
        return frames

    def send(self, frame):
        self.outbox += struct.pack(">I", len(frame)) + frame
        return self.flush()

    def flush(self):
        """False while something is left: call again when the descriptor can be written."""
        try:
            while self.outbox:
                del self.outbox[:self.stream.send(self.outbox)]
        except BlockingIOError:
            return False
        except OSError:
            self.outbox.clear()
        return True

    def exchange(self, seconds):
        """The frames that come within `seconds`, as soon as there are some."""
        self.flush()
        if select.select([self], [], [], max(seconds, 0))[0]:
            return self.receive()
        return []


class TapEnd:
    """A tap of this namespace: what the kernel of this machine sends comes out of receive()."""

    def __init__(self, name, *addresses):
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1002))  # TUNSETIFF: IFF_TAP, IFF_NO_PI
        for address in addresses:
            subprocess.run(["ip", "addr", "add", address, "dev", name, *(["nodad"] if ":" in address else [])], check=True)
        subprocess.run(["ip", "link", "set", name, "up", "txqueuelen", "5000"], check=True)

    def accept(self, seconds=30):
        pass

    def fileno(self):
        return self.fd

    def receive(self):
        frames = []
        try:
            while len(frames) < 64:
                frames.append(os.read(self.fd, MTU_FRAME))
        except BlockingIOError:
            pass
        except OSError:
            return None
        return frames

    def send(self, frame):
        try:
            os.write(self.fd, frame)
        except OSError:
            pass  # the interface is down or its queue is full: the frame is lost
        return True

    def flush(self):
        return True

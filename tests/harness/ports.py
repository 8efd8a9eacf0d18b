# SPDX-License-Identifier: MIT
"""Ports of this host for --publish that nobody else takes, however many tests run beside each other.

A port found free and let go can be gone when QEMU binds it. So it stays bound here, without listening. It is bound
alone, and SO_REUSEADDR set afterwards: QEMU, which sets that too, can then bind and listen nevertheless, while another
reserve() finds it taken and the kernel gives it to nobody who asks for any.
"""
import socket

held = []


def reserve(wanted=0):
    """A port of 127.0.0.1 that is this process's until it ends: `wanted`, or any. OSError: it is taken."""
    sock = socket.socket()
    try:
        sock.bind(("127.0.0.1", wanted))
    except OSError:
        sock.close()
        raise
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.append(sock)
    return sock.getsockname()[1]

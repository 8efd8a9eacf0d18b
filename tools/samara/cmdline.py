# SPDX-License-Identifier: MIT
"""The kernel command line, as docs/command-line.md defines it; boards/cmdline.c decodes it.

    [OPTION...] -- PROGRAM [ARG...]

Words are separated by single spaces. In a word, a space, a control character, '%' and any byte that is not ASCII is
written %XX; an empty word is written '%'.
"""
import os

from .errors import Failure

LIMIT = 128 * 1024 - 1  # bytes of one argument of execve(2) (MAX_ARG_STRLEN), through which QEMU gets it


def encode_word(word):
    """One word, given as str (in the file system's encoding) or bytes."""
    data = os.fsencode(word)
    if not data:
        return "%"
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x25 else f"%{byte:02X}" for byte in data)


def encode(options, program, arguments):
    """The whole line. `options` are words such as "cwd=/tmp", not encoded yet."""
    words = [encode_word(word) for word in options] + ["--"]
    words += [encode_word(word) for word in [program, *arguments]]
    line = " ".join(words)
    if len(line) > LIMIT:
        raise Failure(f"the arguments and the environment need {len(line)} bytes and the kernel command line has room "
                      f"for {LIMIT}; put long ones into a file (--volume)")
    return line


def decode(line):
    """The inverse of encode: (options, [program, argument, ...]). For tests, and to read a dry run."""
    words = line.split(" ")
    cut = words.index("--") if "--" in words else len(words)
    decoded = [decode_word(word) for word in words]
    return decoded[:cut], decoded[cut + 1:]


def decode_word(word):
    if word == "%":
        return ""
    head, *rest = word.split("%")
    data = head.encode("ascii")
    for part in rest:
        data += bytes([int(part[:2], 16)]) + part[2:].encode("ascii")
    return os.fsdecode(data)

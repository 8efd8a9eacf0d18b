# SPDX-License-Identifier: MIT
"""Options and subcommands of `samara`.

A subcommand is a row of COMMANDS. The options of `run` end at the program's name: what follows belongs to the program, so
split_run() finds the end before argparse sees anything.
"""
import argparse
import os
import sys

from . import errors, postinst, qemu

RUN_USAGE = "samara run [OPTION...] [--] PROGRAM [ARGUMENT...]"
RUN_HELP = """\
PROGRAM is an arm64 or x86-64 ELF program, or a script, of this machine; it is put into the image with the libraries it needs. With
--package or --rootfs it may also be the name of a command in that root, or an absolute path in it, which goes before a file of
this machine (./PROGRAM or --host-program means the latter). Without PROGRAM, a package with a server runs that: nginx-light, redis-server, memcached, lighttpd, iperf3, apache2 (tools/samara/postinst.py has the commands).

examples:
  samara run ./hello
  samara run --package python3-minimal -- python3 -c 'print(6*7)'
  samara run --package busybox-static -- busybox ash
  samara run --arch x86_64 --package sqlite3 -- sqlite3 :memory: 'select 6*7'
  samara run --package nginx-light --publish 8080:80
  samara run --cpus 4 --memory 1G --rootfs ./root -- /usr/bin/server --port 80

The exit status is the program's: 128+n when signal n ended it, 124 after --timeout, 125 when Samara itself failed.
On a terminal, Ctrl-C goes to the program; Ctrl-A x ends the machine.
"""

TOP_HELP = """\
Samara runs an unmodified Linux program (arm64, x86-64) as a virtual machine.

usage: samara COMMAND ...

  run [OPTION...] [--] PROGRAM [ARGUMENT...]   run a program          (samara run --help)
  image [OPTION...] [PROGRAM]                  make its root image and print the image's path
  root [OPTION...]                             print the directory that holds the root's files
  fetch-package NAME... DIRECTORY              unpack Debian packages into a directory
  update                                       fetch Debian's package lists anew

start with:  samara run --package python3-minimal -- python3 -c 'print("hello from Samara")'
"""


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake ends with our exit status: a program may well end with argparse's 2."""

    def __init__(self, **arguments):
        super().__init__(allow_abbrev=False, **arguments)

    def error(self, message):
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(errors.EXIT_FAILURE)


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 on")
    return int(text)


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")
    return value


def add_root_options(group):
    group.add_argument("--package", action="append", default=[], metavar="NAME",
                       help="put this Debian package with all it depends on, and a shell, into the root (repeatable)")
    group.add_argument("--rootfs", metavar="DIR|IMAGE", help="a directory, or an EROFS image, as the root")
    group.add_argument("--volume", action="append", default=[], metavar="HOSTDIR:DIR",
                       help="copy a directory of this machine into the root (repeatable)")
    group.add_argument("--arch", metavar="ARCH", help="arm64 or x86_64 (default: that of PROGRAM if it is a file here or in --rootfs, else arm64)")


def run_parser():
    parser = Parser(prog="samara run", usage=RUN_USAGE, epilog=RUN_HELP,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    add_root_options(parser.add_argument_group("the root file system"))
    group = parser.add_argument_group("the program")
    group.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                       help="set a variable; NAME alone passes on its value here (repeatable)")
    group.add_argument("--host-program", action="store_true", help="PROGRAM is a file of this machine, also if the root has such a path or command")
    group.add_argument("--cwd", metavar="DIR", help="working directory (default /)")
    group.add_argument("--timeout", type=seconds, metavar="SECONDS", help="stop after this time, say what the machine was doing, and leave with status 124")
    group = parser.add_argument_group("the machine")
    group.add_argument("--memory", metavar="SIZE", help="RAM, such as 64M or 2G (default 256M, more for a large image)")
    group.add_argument("--root-disk", action="store_true", help="the root as a disk that is read when needed, not as an initrd (large roots)")
    group.add_argument("--cpus", type=positive, default=1, metavar="N", help="number of CPUs (default 1)")
    group.add_argument("--machine", metavar="TYPE",
                       help="QEMU machine, or options for the default one such as gic-version=3 (default virt, microvm on x86_64)")
    group.add_argument("--cpu", metavar="MODEL", help="CPU model (default cortex-a72, max on x86_64)")
    group.add_argument("--append", default="", metavar="OPTIONS", help="more kernel options (docs/command-line.md)")
    group.add_argument("--console", choices=("ports", "uart"), default=qemu.DEFAULT_CONSOLE,
                       help="the program's streams on virtio-serial ports or on the UART (default %(default)s)")
    group.add_argument("--kernel", metavar="FILE", help="another kernel image than build/ARCH/samara.img")
    group = parser.add_argument_group("the network")
    group.add_argument("--publish", action="append", default=[], metavar="HOST:GUEST[/udp]",
                       help="connections to this port of the host go to that port of the program (repeatable)")
    group.add_argument("--net", metavar="KIND",
                       help="none, user (QEMU's own network, the default), tap=NAME (an interface of this machine)")
    group.add_argument("--ip", metavar="TEXT", help="address, as Linux's ip= has it, or dhcp (docs/command-line.md)")
    group.add_argument("--hostname", metavar="NAME", help="the machine's name (default samara)")
    group.add_argument("--pcap", metavar="FILE", help="record what crosses the interface, for tcpdump or Wireshark")
    group = parser.add_argument_group("looking inside")
    group.add_argument("--icount", action="store_true", help="deterministic: one instruction is one nanosecond")
    group.add_argument("--boot-report", action="store_true",
                       help="print what the boot does and the instructions it takes (implies --icount)")
    group.add_argument("--boot-chart", metavar="FILE", help="the same as a picture (SVG)")
    group.add_argument("--strace", action="store_true", help="print every system call as strace does")
    group.add_argument("--trace", metavar="FILE[:EVENTS]",
                       help="record what happens, for Perfetto or chrome://tracing; EVENTS such as switch,syscall (default all)")
    group.add_argument("--profile", metavar="FILE[:HZ]",
                       help="sample where the CPUs are, HZ times a second (default 1000): FILE.svg, FILE.folded")
    group.add_argument("--gdb", action="store_true", help=f"wait for gdb on port {qemu.GDB_PORT} before the first instruction")
    group.add_argument("--dry-run", action="store_true", help="print the QEMU command instead of running it")
    group.add_argument("--quiet", action="store_true", help="no line about the boot")
    return parser


def image_parser(name):
    parser = Parser(prog=f"samara {name}")
    add_root_options(parser)
    if name == "image":
        parser.add_argument("program", nargs="?", metavar="PROGRAM", help="a program of this machine to put in")
    return parser


def split_run(parser, argv):
    """(options, program and its arguments). Uses argparse's own table to know which options take a value."""
    takes_value = {name: action.nargs != 0 for action in parser._actions for name in action.option_strings}
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "--":
            return argv[:index], argv[index + 1:]
        if not word.startswith("-") or word == "-":
            break
        index += 2 if takes_value.get(word, False) else 1
    return argv[:index], argv[index:]


def parse_run(argv):
    """The options of `run`, with .program and .arguments. Exits through argparse on a mistake."""
    parser = run_parser()
    head, tail = split_run(parser, argv)
    options = parser.parse_args(head)
    if not tail:
        tail = postinst.default_command(options.package)
    if not tail or not tail[0]:
        parser.error("give a PROGRAM to run")
    options.program, options.arguments = tail[0], tail[1:]
    return options


# -- commands ---------------------------------------------------------------------------------------------------------

def command_run(argv):
    from . import run
    return run.run(parse_run(argv))


def command_image(argv):
    from . import run
    options = image_parser("image").parse_args(argv)
    if not (options.package or options.rootfs or options.program):
        raise errors.Failure("give --package, --rootfs or a PROGRAM to make an image of")
    print(run.build_image(options)[0])
    return 0


def command_root(argv):
    from . import run
    options = image_parser("root").parse_args(argv)
    tree = run.Root(options.package, options.rootfs, run.port_of(options)).tree
    if not tree:
        raise errors.Failure("give --package or --rootfs")
    print(tree)
    return 0


def command_fetch(argv):
    from . import fetch, ports
    parser = Parser(prog="samara fetch-package")
    parser.add_argument("--with-dependencies", action="store_true", help="also all that they depend on")
    parser.add_argument("--arch", default=ports.DEFAULT.name, metavar="ARCH", help="arm64 (the default) or x86_64")
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("destination", metavar="DIRECTORY")
    options = parser.parse_args(argv)
    fetch.fetch(options.names, options.destination, options.with_dependencies,
                ports.by_name(options.arch).debian)
    return 0


def command_update(argv):
    from . import apt, paths, ports, progress
    Parser(prog="samara update").parse_args(argv)
    for port in ports.PORTS:
        private = apt.Apt(port.debian)
        if port != ports.DEFAULT and not os.path.exists(private.stamp):
            continue  # nobody has asked for that one yet
        with progress.Progress() as shown, paths.locked(private.lock):
            private.update(shown, again=True)
    return 0


COMMANDS = {"run": command_run, "image": command_image, "root": command_root, "fetch-package": command_fetch,
            "update": command_update}


def main(argv):
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(TOP_HELP, end="")
        return 0
    command = COMMANDS.get(argv[0])
    if not command:
        print(f"samara: there is no command '{argv[0]}'; `samara --help` lists them", file=sys.stderr)
        return errors.EXIT_FAILURE
    try:
        return command(argv[1:])
    except errors.Failure as failure:
        print(f"samara: {failure}", file=sys.stderr)
        return errors.EXIT_FAILURE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141

# SPDX-License-Identifier: MIT
"""What `samara run` does: a root, an image, a kernel, a command line, a machine."""
import os
import subprocess
import sys

from . import cmdline, console, elf, image, inspect, paths, ports, postinst, program, qemu, rootfs
from .errors import Failure
from .progress import Progress


class Root:
    """The root that --rootfs and --package ask for.

    .layers for image.Image, .tree to look into (None when the root holds the program alone), .foreign the user's image,
    .has_owners: a layer's files belong to whom its packages say, not all to root."""

    def __init__(self, packages, root, port=ports.DEFAULT):
        self.layers, self.tree, self.foreign, self.has_owners = [], None, None, False
        if packages:
            from .packages import tree_of  # apt is not needed without packages
            tree, self.has_owners = tree_of(packages, port)
            self.layers.append((tree, os.path.basename(tree)))
        if root and os.path.isdir(root):
            root = os.path.abspath(root)
            self.layers.append((root, image.tree_key(root)))
        elif root:
            image.check_foreign(root)
            self.foreign = os.path.abspath(root)
            self.layers.append(image.extract(self.foreign))
        if len(self.layers) == 1:
            self.tree = self.layers[0][0]
        elif self.layers:
            self.tree = merged(self.layers)


def merged(layers):
    """One tree of several layers, so that programs can be looked up in it."""
    key = image.digest([layer[1] for layer in layers])
    roots = paths.cache_dir("roots")
    tree = os.path.join(roots, key)
    with paths.locked_entry(roots, key):
        if not os.path.isdir(tree):
            temporary = f"{tree}.{os.getpid()}.tmp"
            for layer, _ in layers:
                rootfs.clone(layer, temporary)
            os.rename(temporary, tree)
    return tree


def port_of(options):
    """The machine to run on: --arch, else that of the program, be it a file of the host or of --rootfs. Where the root
    is made of packages an absolute path means a file of theirs: what the host has in that place says nothing."""
    if options.arch:
        return ports.by_name(options.arch)
    name = getattr(options, "program", None) or ""
    is_host = getattr(options, "host_program", False)
    candidates = [name] if is_host or not options.package or ("/" in name and not name.startswith("/")) else []
    if not is_host and options.rootfs and os.path.isdir(options.rootfs):
        path = name if name.startswith("/") else rootfs.find_command(options.rootfs, name) if name and "/" not in name else None
        candidates = ([rootfs.lookup(options.rootfs, path)] if path else []) + candidates
    for path in candidates:
        if path and elf.is_elf(path):
            with open(path, "rb") as handle:
                header = handle.read(20)
            return ports.by_elf_machine(int.from_bytes(header[18:20], "little")) or ports.DEFAULT
    return ports.DEFAULT


def choose_program(name, root, port=ports.DEFAULT, is_host=False):
    """(path of the program in the root, files to add to the root).

    Without a root: a file of the host. With one: a bare name means a command of the root, then a file of the host; an
    absolute path that exists in the root means that; another path, or is_host, means a file of the host."""
    if root.tree and not is_host:
        if "/" not in name:
            found = rootfs.find_command(root.tree, name)
            if found:
                program.check_in_tree(root.tree, found, port)
                return found, {}
        elif name.startswith("/") and rootfs.lookup(root.tree, name):
            program.check_in_tree(root.tree, name, port)
            return name, {}
    if os.path.isfile(name):
        plan = program.Plan(name, root.tree, port)
        return plan.path, plan.files
    if os.path.isdir(name):
        raise Failure(f"{name} is a directory; give the program in it")
    if root.tree and not is_host:
        place = "in " + ":".join(rootfs.SEARCH_PATH) if "/" not in name else "in the root"
        raise Failure(f"there is no {name} {place}, nor such a file here; check the name, or add the package that has "
                      "it with --package")
    hint = f"; for Debian's, add --package {name}" if "/" not in name else ""
    raise Failure(f"there is no file {name}{hint}")


def parse_volume(text):
    """(host directory, path in the root) of --volume HOSTDIR:DIR."""
    host, _, path = text.partition(":")
    path = path[:-3] if path.endswith(":ro") else path
    if not host or not path.startswith("/") or path == "/":
        raise Failure(f"--volume {text} is not HOSTDIR:DIR with an absolute DIR, such as ./data:/data")
    if not os.path.isdir(host):
        raise Failure(f"--volume {text}: there is no directory {host}")
    return os.path.abspath(host), os.path.normpath(path)


def parse_publish(text):
    """(protocol, address, host port, guest port) of --publish [ADDRESS:]HOST:GUEST[/udp]."""
    ports, slash, protocol = text.partition("/")
    words = ports.rsplit(":", 2)
    address = words.pop(0) if len(words) == 3 else "127.0.0.1"
    if len(words) != 2 or (slash and protocol not in ("tcp", "udp")) or not all(
            word.isdecimal() and 0 < int(word) < 65536 for word in words):
        raise Failure(f"--publish {text} is not HOST:GUEST with two port numbers, such as 8080:80 or 5353:53/udp")
    return protocol or "tcp", address, int(words[0]), int(words[1])


def network(options):
    """(kind, published ports, words for the kernel): a network of QEMU's own unless said otherwise."""
    published = tuple(parse_publish(text) for text in options.publish)
    kind = options.net or "user"
    if kind not in ("none", "user") and not kind.startswith(("tap=", "socket,")):
        raise Failure(f"--net {kind} is not none, user or tap=NAME")
    if published and kind != "user":
        raise Failure(f"--publish is for --net user; with --net {kind} the machine is reached at its own address")
    address = options.ip or (qemu.USER_IP if kind == "user" else None)
    return kind, published, ["ip=" + address] if address and kind != "none" else []


@paths.plain_umask()
def build_image(options):
    """(path of the root image, path of the program in it)."""
    port = port_of(options)
    root = Root(options.package, options.rootfs, port)
    path, files = choose_program(options.program, root, port, options.host_program) if options.program else (None, {})
    volumes = [parse_volume(text) for text in options.volume]
    if root.foreign and not files and not volumes and len(root.layers) == 1:
        return root.foreign, path
    return image.Image(root.layers, files, volumes, root.has_owners).build(), path


def kernel_options(options):
    """The words before `--` on the kernel command line, not encoded."""
    port = port_of(options)
    words = ["exit=" + port.exit]
    shown = console.terminals()
    if shown:
        words.append("tty=" + ",".join(shown))
        size = console.window_size()
        if size:
            words.append("winsize=" + size)
        if os.environ.get("TERM") and not any(text.startswith("TERM=") for text in options.env):
            words.append("env=TERM=" + os.environ["TERM"])
    if options.console == "uart":
        words.append("console=" + port.uart)
    if options.quiet:
        words.append("quiet")
    if options.boot_report:
        words.append("boot-report")
    if options.strace:
        words.append("strace")
    if options.root_disk:
        words.append("root=vda")
    if options.trace:
        words.append("trace=" + (inspect.split_events(options.trace)[1] or "all"))
    if options.profile:
        words.append(f"profile={inspect.split_rate(options.profile)[1]}")
    if options.hostname:
        words.append("hostname=" + options.hostname)
    words += network(options)[2]
    if options.cwd:
        words.append("cwd=" + options.cwd)
    given = {text.partition("=")[0] for text in options.env}
    for name, value in postinst.environment(options.program, options.package).items():
        if name not in given:
            words.append(f"env={name}={value}")
    for text in options.env:
        name, equals, value = text.partition("=")
        if not name or (not equals and name not in os.environ):
            raise Failure(f"--env {text} is not NAME=VALUE, nor the name of a variable that is set here")
        words.append(f"env={name}={value if equals else os.environ[name]}")
    return words


def kernel_command_line(options, path):
    line = cmdline.encode(kernel_options(options), path, options.arguments)
    extra = options.append.split()
    if "--" in extra:
        raise Failure("--append takes kernel options only; the program's arguments stand after PROGRAM")
    return " ".join(extra + [line])


def kernel_image(options):
    """The kernel to boot; built with make when there is none yet."""
    if options.kernel:
        if not os.path.isfile(options.kernel):
            raise Failure(f"there is no kernel {options.kernel}")
        return options.kernel
    port = port_of(options)
    kernel = ports.kernel(port, paths.REPO)
    if not os.path.isfile(kernel):
        if not os.path.isfile(os.path.join(paths.REPO, "Makefile")):
            raise Failure(f"there is no kernel at {kernel}, and no Makefile to build it")
        with Progress() as progress, paths.locked(os.path.join(paths.cache_dir(), "kernel.lock")):
            progress.show("building the kernel")
            done = subprocess.run([paths.find_tool("make", "make"), "-s", "-C", paths.REPO,
                                   "ARCH=" + port.name], stdin=subprocess.DEVNULL,
                                  stdout=sys.stderr, check=False)
        if done.returncode or not os.path.isfile(kernel):
            raise Failure(f"the kernel could not be built; run make ARCH={port.name} in {paths.REPO} and see what it says")
    return kernel


def run(options):
    """`samara run`: the exit status."""
    console.open_standard_streams()
    port = port_of(options)
    initrd, path = build_image(options)
    net, published, _ = network(options)
    machine = qemu.Machine(
        port=port, kernel=kernel_image(options) if not options.dry_run else options.kernel or ports.kernel(port, paths.REPO),
        initrd=initrd, append=kernel_command_line(options, path), machine=options.machine or port.machine,
        cpu=options.cpu or port.cpu, cpus=options.cpus,
        memory=qemu.parse_memory(options.memory) if options.memory else None,
        icount=options.icount or options.boot_report, gdb=options.gdb, console=options.console,
        initrd_size=os.stat(initrd).st_size, root_disk=options.root_disk, net=net, publish=published, pcap=options.pcap)
    if options.dry_run:
        print(qemu.shell(qemu.command(machine, qemu.pasted(machine.console, port))))
        return 0
    if options.boot_chart:
        return inspect.boot_chart(options)
    with inspect.Inspection(options, machine) as inspection:
        status = run_machine(options, machine)
        inspection.write()
    return status


def run_machine(options, machine):
    session = console.Session(machine.console, options.quiet, options.timeout, qemu.has_status_port(machine.port), machine.kernel)
    words = qemu.command(machine, qemu.inherited(session.descriptors()))
    if options.gdb:
        elf_file = os.path.join(os.path.dirname(machine.kernel), "kernel.elf")
        script = os.path.join(paths.REPO, "tools", "gdb", "samara.py")
        print(f"samara: waiting for gdb: gdb-multiarch {elf_file} -ex 'target remote :{qemu.GDB_PORT}' -x {script}", file=sys.stderr)
    return session.run(words)

# SPDX-License-Identifier: MIT
"""The QEMU command line of a machine.

Console "ports": the program's streams are three ports of a virtio-serial device, kernel messages come from the UART.
Console "uart": everything is on the UART (a kernel without the driver for ports, or the wish to see what it does).
Where the streams end on the host is for the caller to say, as QEMU character devices (see Chardevs).
"""
import re
import shlex
from dataclasses import dataclass, field

from . import paths
from . import ports as machines
from .errors import Failure
from .hang import MONITOR

DEFAULT_CONSOLE = "ports"
STREAMS = ("stdin", "stdout", "stderr")
STATUS = "status"
GDB_PORT = 1234
MEGABYTE = 1 << 20
DEFAULT_MEMORY = 256 * MEGABYTE
MIN_MEMORY = 2 * MEGABYTE

MICROVM = "microvm,acpi=off,x-option-roms=off,pic=off,rtc=on"

# On one virtual CPU, one instruction is one nanosecond of guest time, whatever the host does.
ICOUNT = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]


@dataclass
class Machine:
    """What is asked for. memory in bytes, None: enough for the image."""
    kernel: str
    initrd: str
    append: str
    port: machines.Port = machines.DEFAULT
    machine: str = "virt"
    cpu: str = "cortex-a72"
    cpus: int = 1
    memory: int = None
    icount: bool = False
    gdb: bool = False
    console: str = DEFAULT_CONSOLE
    initrd_size: int = 0
    root_disk: bool = False  # the image is a virtio-blk disk instead of an initrd
    trace: str = None  # file that gets what the port samara.trace is sent
    net: str = "none"  # none, user, tap=NAME, socket=... (QEMU's own words after -netdev)
    publish: tuple = ()  # (protocol, host address, host port, guest port)
    pcap: str = None  # file that gets what crosses the interface


@dataclass
class Chardevs:
    """QEMU character devices as text after `-chardev`, each with the id it is used by: "uart", "stdin", ..."""
    texts: dict = field(default_factory=dict)

    def words(self):
        return [word for name, text in self.texts.items() for word in ("-chardev", text.replace("{id}", name))]


def inherited(descriptors):
    """Chardevs on connected sockets that QEMU inherits: {name: file descriptor}."""
    return Chardevs({name: f"socket,id={{id}},fd={number}" for name, number in descriptors.items()})


def pasted(console, port=machines.DEFAULT):
    """Chardevs for a command that a person pastes into a shell (--dry-run)."""
    status = {STATUS: "null,id={id}"} if has_status_port(port) else {}
    if console == "uart":
        return Chardevs({"uart": "stdio,id={id}", **status})
    return Chardevs({"uart": "file,id={id},path=/dev/stderr", "stdin": "stdio,id={id}",
                     "stdout": "file,id={id},path=/dev/stdout", "stderr": "file,id={id},path=/dev/stderr", **status})


def has_status_port(port):
    """QEMU can end with odd numbers only on a PC: the program's status leaves through a port that one byte is written to."""
    return port is machines.X86_64


def parse_memory(text):
    """Bytes from "256M", "1G", "65536K"; a plain number is megabytes, as for QEMU."""
    match = re.fullmatch(r"(\d+)([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if not match:
        raise Failure(f"--memory {text} is not a size; write it like 64M or 2G")
    size = int(match.group(1)) << {"K": 10, "": 20, "M": 20, "G": 30, "T": 40}[match.group(2).upper()]
    if size < MIN_MEMORY:
        raise Failure(f"--memory {text} is too little for any machine; give at least {MIN_MEMORY // MEGABYTE}M")
    return size


def memory_for(machine):
    """The size of RAM in bytes; Failure when the image cannot fit in what was asked for.

    QEMU puts the image at half of RAM, but not beyond 128 MiB (hw/arm/boot.c), and the device tree behind it. On a PC it
    lies at the end of RAM (hw/i386/x86.c)."""
    if machine.root_disk:  # fs/erofs-disk.c wants an aligned power of two in one piece; kernel and device tree lie in the first 256 MiB, tables of the allocator at the end
        power = 1 << max(machine.initrd_size - 1, 1).bit_length()
        return machine.memory or 256 * MEGABYTE + 2 * power
    needed = machine.initrd_size + 2 * MEGABYTE
    if machine.port is machines.X86_64:
        if machine.memory is not None and machine.memory < needed + 2 * MEGABYTE:
            raise Failure(f"the root image has {machine.initrd_size / MEGABYTE:.1f} MiB and does not fit; give --memory "
                          f"{needed // MEGABYTE + 3}M or more")
        return machine.memory or max(DEFAULT_MEMORY, -(-(needed + 64 * MEGABYTE) // (64 * MEGABYTE)) * 64 * MEGABYTE)
    if machine.memory is None:
        wanted = 128 * MEGABYTE + needed + 64 * MEGABYTE
        step = 64 * MEGABYTE
        return max(DEFAULT_MEMORY, (wanted + step - 1) // step * step)
    if machine.memory < min(machine.memory // 2, 128 * MEGABYTE) + needed - MEGABYTE:
        least = min(2 * needed, 128 * MEGABYTE + needed)
        raise Failure(f"the root image has {machine.initrd_size / MEGABYTE:.1f} MiB and does not fit; give --memory "
                      f"{-(-least // MEGABYTE)}M or more")
    return machine.memory


def machine_type(machine):
    """The argument of -M. Options alone, such as gic-version=3, mean the port's machine with these."""
    text = machine.machine
    if "=" in text.split(",")[0]:
        text = f"{machine.port.machine},{text}"
    if text.split(",")[0] == "microvm":
        # Without ACPI its firmware is qboot: nothing that takes time. No 8259; the CMOS clock, whatever the accelerator.
        text = text.replace("microvm", MICROVM, 1)
    if machine.cpus > 8 and text.split(",")[0].startswith("virt") and "gic-version" not in text:
        text += ",gic-version=3"  # GICv2 ends at 8 CPUs
    return text


def command(machine, chardevs):
    """The whole command as a list of words."""
    words = [paths.find_tool(machine.port.qemu, machine.port.qemu_package)]
    words += ["-M", machine_type(machine), "-cpu", machine.cpu, "-smp", str(machine.cpus),
              "-m", f"{memory_for(machine) // MEGABYTE}M"]
    words += ["-nodefaults", "-display", "none", "-no-reboot"]
    words += ICOUNT if machine.icount else []
    words += ["-kernel", machine.kernel]
    if machine.root_disk:
        words += ["-drive", f"file={machine.initrd.replace(',', ',,')},if=none,id=root,format=raw,readonly=on",
                  "-device", "virtio-blk-device,drive=root"]
    else:
        words += ["-initrd", machine.initrd] if machine.initrd else []
    words += ["-append", machine.append]
    if machine.port is machines.ARM64:
        words += ["-semihosting-config", "enable=on,target=native"]
    words += chardevs.words() + ["-serial", "chardev:uart"]
    words += ["-mon", f"chardev={MONITOR},mode=control"] if MONITOR in chardevs.texts else []
    if has_status_port(machine.port):
        words += ["-device", f"isa-debugcon,iobase=0xe9,chardev={STATUS}", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    if machine.console == "ports":
        words += ports(machine.trace)
    words += network(machine)
    if machine.gdb:
        words += ["-S", "-gdb", f"tcp:127.0.0.1:{GDB_PORT}"]
    return words


def ports(trace=None):
    """A virtio-serial device with one port for each of the program's streams (port 0 is a console, not used)."""
    words = ["-global", "virtio-mmio.force-legacy=false",
             "-device", f"virtio-serial-device,id=streams,max_ports={len(STREAMS) + 1 + bool(trace)}"]
    for number, name in enumerate(STREAMS, 1):
        words += ["-device", f"virtserialport,bus=streams.0,nr={number},chardev={name},name=samara.{name}"]
    if trace:
        words += ["-chardev", f"file,id=trace,path={trace.replace(',', ',,')}",
                  "-device", f"virtserialport,bus=streams.0,nr={len(STREAMS) + 1},chardev=trace,name=samara.trace"]
    return words


# What QEMU's user network gives: fixed, so no lease has to be asked for.
USER_IP = "10.0.2.15::10.0.2.2:255.255.255.0::eth0:off:10.0.2.3,[fec0::15]/64::[fec0::2]"


def network(machine):
    """A virtio-net device and what it is connected to."""
    if machine.net == "none":
        return []
    queues = ""
    if machine.net == "user":
        backend = "user,id=net0"
        for protocol, address, host, guest in machine.publish:
            backend += f",hostfwd={protocol}:{address}:{host}-:{guest}"
    elif machine.net.startswith("tap="):
        # NAME:queues=N for an interface made with multi_queue.
        name, _, queue_words = machine.net[4:].partition(":")
        backend = f"tap,id=net0,ifname={name},script=no,downscript=no"
        if queue_words:
            backend += "," + queue_words
            queues = ",mq=on"
    else:
        backend = machine.net + ",id=net0"
    words = [] if machine.console == "ports" else ["-global", "virtio-mmio.force-legacy=false"]
    words += ["-netdev", backend, "-device", "virtio-net-device,netdev=net0" + queues]
    if machine.pcap:
        words += ["-object", f"filter-dump,id=dump0,netdev=net0,file={machine.pcap.replace(',', ',,')}"]
    return words


def shell(words):
    """The command for a shell, one option a line."""
    lines = [shlex.quote(words[0])]
    for word in words[1:]:
        if word.startswith("-") and not lines[-1].endswith(" -append"):
            lines.append("    " + word)
        else:
            lines[-1] += " " + shlex.quote(word)
    return " \\\n".join(lines)

# SPDX-License-Identifier: MIT
"""What a machine was doing when --timeout struck: did the host not keep pace, or was a wake-up lost?

The machine is stopped through QEMU's monitor and its memory is read from outside, so it does not matter what the kernel is able
to do. Where the fields of its structures are says its own table sched_layout (sched/layout.c); where that is say the symbols of
the kernel.elf that the kernel was made of. Beside the guest's times stand those of QEMU's threads on the host: what they ran, and how long they
waited for a CPU of the host.
"""
import glob
import json
import os
import re
import struct
import tempfile
import threading
import time

from . import paths

MONITOR = "monitor"
ANSWER_SECONDS = 5.0  # a busy host
MAX_THREADS = 300  # shown; also the bound of the walk when the list is broken
CLOCK_RUNNING = 1 << 63
CLOCK_START = 1_000_000_000  # sched/clock.h
KERNEL_THREAD = 1 << 31
STATES = ("new", "runnable", "announced", "blocked", "dead")
NEVER = 1 << 62
REGISTRY_SIZE = 128  # at most: a lock and the head of the list
ROW = struct.Struct("<40sII")
LATE_NS = 200_000_000  # a timer that is so late is lost: what is known of the guest's clock is less exact than it


class NoAnswer(Exception):
    """The monitor, or the kernel's memory, does not say what was asked for."""


def has_table_of(kernel, elf):
    """Whether this kernel was made of this ELF file: the kernel contains the table of its own symbols (tools/symbols.py)."""
    try:
        addresses = {name: address for address, name in symbols(elf)}
        start, end = addresses["symbols_count"], addresses["symbols_strings"]
        with open(elf, "rb") as file:
            data = file.read()
    except (OSError, KeyError, ValueError, IndexError, struct.error):
        return False
    offset, (size, number) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<HH", data, 54)
    for i in range(number):
        _, _, at, address, _, length = struct.unpack_from("<IIQQQQ", data, offset + i * size)
        if address <= start and end <= address + length:
            return data[at + start - address:at + end - address] in kernel
    return False


def find_elf(image):
    """The ELF file of a kernel image: beside it, or among what was built here."""
    with open(image, "rb") as file:
        kernel = file.read()
    beside = os.path.join(os.path.dirname(image), "kernel.elf")
    for elf in [beside, os.path.splitext(image)[0] + ".elf", *sorted(glob.glob(os.path.join(paths.REPO, "build", "*", "kernel.elf")))]:
        if has_table_of(kernel, elf):
            return elf
    raise NoAnswer(f"the kernel.elf that {image} was made of is not beside it")


class Monitor:
    """QMP on a connected socket."""

    def __init__(self, connection):
        self.connection = connection
        self.data = b""
        self.began = None
        self.thread = threading.Thread(target=self.greet, daemon=True)
        self.thread.start()

    def greet(self):
        """QEMU answers the first command when it has set the machine going: at that time its clocks were at 0."""
        try:
            self.message()  # the greeting
            self.execute("qmp_capabilities")
            self.began = time.monotonic()
        except (NoAnswer, ValueError):
            pass

    def stop(self):
        """Stop the machine; how long it had run, in seconds."""
        if self.began is None:
            self.thread.join(ANSWER_SECONDS)
        if self.began is None:
            raise NoAnswer("QEMU's monitor does not answer")
        self.connection.settimeout(ANSWER_SECONDS)
        self.execute("stop")
        return time.monotonic() - self.began

    def message(self):
        try:
            while b"\n" not in self.data:
                more = self.connection.recv(65536)
                if not more:
                    raise NoAnswer("QEMU's monitor is closed")
                self.data += more
        except OSError as error:
            raise NoAnswer("QEMU's monitor does not answer") from error
        line, self.data = self.data.split(b"\n", 1)
        return json.loads(line)

    def execute(self, command, **arguments):
        try:
            self.connection.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        except OSError as error:
            raise NoAnswer("QEMU's monitor does not answer") from error
        while True:
            answer = self.message()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise NoAnswer(answer["error"].get("desc", command))


def symbols(path):
    """[(address, name)] of an ELF64 file, in order (System V gABI, "Symbol Table")."""
    with open(path, "rb") as file:
        data = file.read()
    offset, (size, number) = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQII", data, offset + i * size) for i in range(number)]
    found = []
    for _, kind, _, _, start, length, link, _ in sections:
        if kind == 2:  # SHT_SYMTAB
            strings = sections[link][4]
            for at in range(start, start + length, 24):
                name, _, _, _, address, _ = struct.unpack_from("<IBBHQQ", data, at)
                begin = strings + name
                found.append((address, data[begin:data.index(b"\0", begin)].decode(errors="replace")))
    return sorted(pair for pair in found if pair[1] and not pair[1].startswith(("$", ".L")))


class Guest:
    """The kernel's memory."""

    def __init__(self, monitor, elf):
        self.monitor = monitor
        self.symbols = symbols(elf)
        self.addresses = {name: address for address, name in self.symbols}
        with tempfile.NamedTemporaryFile(prefix="samara-hang-") as self.file:
            self.layout = self.read_layout()
            self.cpus = [self.cpu(address) for address in self.cpu_addresses()]
            self.threads = self.all_threads()

    def read(self, address, size):
        self.monitor.execute("memsave", val=address - (1 << 64) if address >> 63 else address, size=size, filename=self.file.name)
        with open(self.file.name, "rb") as file:
            data = file.read()
        if len(data) != size:
            raise NoAnswer(f"{size} bytes of memory at {address:#x} cannot be read")
        return data

    def symbol(self, name):
        if name not in self.addresses:
            raise NoAnswer(f"the kernel has no symbol {name}")
        return self.addresses[name]

    def read_layout(self):
        rows = {}
        data = self.read(self.symbol("sched_layout"), 64 * ROW.size)
        for at in range(0, len(data), ROW.size):
            name, offset, size = ROW.unpack_from(data, at)
            name = name.split(b"\0")[0].decode(errors="replace")
            if not name:
                return rows
            rows.setdefault(name.split(".")[0], {})[name.split(".", 1)[1]] = (offset, size)
        raise NoAnswer("the kernel's table of fields has no end")

    def struct(self, kind, address):
        """{field: number, or bytes where it has more than 8}."""
        fields = self.layout[kind]
        start = min(offset for offset, _ in fields.values())
        data = self.read(address + start, max(sum(place) for place in fields.values()) - start)
        values = {"address": address}
        for name, (offset, size) in fields.items():
            piece = data[offset - start:offset - start + size]
            values[name] = int.from_bytes(piece, "little") if size <= 8 else piece
        return values

    def time(self, elapsed):
        """What the kernel's clock shows when the machine has run for so many seconds; never less than what the kernel has seen."""
        base = self.struct("arch_timebase", self.symbol("arch_the_timebase"))
        count = base["base"] - (base["base"] >> 63 << 64)  # the counter when the clock was at 0, which is before it began
        return max([int(elapsed * 1e9) - (count * base["mult"] >> base["shift"])] + [cpu["queue"]["accounted"] for cpu in self.cpus])

    def cpu_addresses(self):
        number = struct.unpack("<I", self.read(self.symbol("nr_cpus"), 4))[0]
        pointers = self.read(self.symbol("cpus"), 8 * min(number, 512))
        return [address for address in struct.unpack(f"<{len(pointers) // 8}Q", pointers) if address]

    def cpu(self, address):
        cpu = self.struct("cpu", address)
        if not cpu["rq"]:
            raise NoAnswer("the kernel has not come as far as its scheduler")
        cpu["queue"] = self.struct("runqueue", cpu["rq"])
        return cpu

    def text(self, address):
        if not address:
            return "-"
        try:
            return self.read(address, 32).split(b"\0")[0].decode(errors="replace")
        except NoAnswer:
            return f"{address:#x}"

    def all_threads(self):
        """The list of sched/thread.c, begun anywhere; its head is what lies in the registry."""
        link = self.layout["sched_entity"]["all"][0]
        found, first = [], self.struct("thread", self.cpus[0]["idle"])["sched"] + link
        node = struct.unpack("<Q", self.read(first, 8))[0]
        for _ in range(MAX_THREADS):
            if not 0 <= node - self.symbol("registry") < REGISTRY_SIZE:
                entity = self.struct("sched_entity", node - link)
                thread = self.struct("thread", entity["thread"])
                thread["entity"] = entity
                thread["wait"] = self.text(thread["wchan"])
                found.append(thread)
            if node == first:
                break
            node = struct.unpack("<Q", self.read(node, 8))[0]
        return found

    def place(self, address):
        """function+offset."""
        before = [pair for pair in self.symbols if pair[0] <= address]
        if address < self.symbol("_text") or not before:
            return f"the application, {address:#x}"
        return f"{before[-1][1]}+{address - before[-1][0]:#x}"

    def registers(self, number):
        text = self.monitor.execute("human-monitor-command", **{"command-line": "info registers", "cpu-index": number})
        match = re.search(r"\b(?:PC|RIP)=([0-9a-f]+)", text)
        return int(match.group(1), 16) if match else 0


# ---- the host ------------------------------------------------------------------------------------------------------------------


def host_times(pid, thread=None):
    """(seconds that it ran, seconds that it was ready and the host had no CPU for it), of one thread or of all; None without /proc."""
    try:
        names = [str(thread)] if thread else os.listdir(f"/proc/{pid}/task")
        ran = waited = 0
        for name in names:
            with open(f"/proc/{pid}/task/{name}/schedstat", encoding="ascii") as file:
                words = file.read().split()
            ran, waited = ran + int(words[0]), waited + int(words[1])
        return ran / 1e9, waited / 1e9
    except (OSError, ValueError, IndexError):
        return None


# ---- the report ------------------------------------------------------------------------------------------------------------------


def seconds(ns):
    return f"{ns / 1e9:.3f} s"


def thread_label(thread):
    number = thread["id"]
    name = thread["name"].split(b"\0")[0].decode(errors="replace")
    return (f"k{number & ~KERNEL_THREAD}" if number & KERNEL_THREAD else str(number)), name


def thread_state(thread, running):
    state = thread["entity"]["state"]
    text = STATES[state] if state < len(STATES) else str(state)
    if thread["address"] in running:
        return "running" if text == "runnable" else text
    if text == "runnable":
        return "queued" if thread["entity"]["is_queued"] else "in flight"
    return text


def deadline(thread, now):
    entity = thread["entity"]
    if not entity["timer.bucket"] or entity["timer.deadline"] >= NEVER:
        return "-"
    left = (entity["timer.deadline"] - now) / 1e9
    return f"in {left:.3f} s" if left >= 0 else f"PAST by {-left:.3f} s"


def thread_time(thread, now):
    clock = thread["entity"]["clock"]
    return max(now - (clock & ~CLOCK_RUNNING), 0) if clock & CLOCK_RUNNING else clock


def cpu_lines(guest, cpu, number, now, host):
    queue = cpu["queue"]
    lasting = max(now - queue["idle_since"], 0) if queue["is_idle"] and queue["idle_since"] else 0
    busy = max(now - CLOCK_START - cpu["idle_ns"] - lasting, 0)
    current = next((thread for thread in guest.threads if thread["address"] == cpu["running"]), None)
    runs = " ".join(thread_label(current)) if current else f"{cpu['running']:#x}"
    armed = queue["armed"]
    timer = "no timer" if armed >= NEVER else "timer " + (f"in {seconds(armed - now)}" if armed >= now else f"PAST by {seconds(now - armed)}")
    words = ["idle"] * bool(queue["is_idle"]) + ["polling"] * bool(queue["is_polling"]) + [timer]
    if current:
        words += ["preemption off"] * bool(current["preempt_count"]) + ["a switch is due"] * bool(current["needs_resched"])
    return [f"  CPU {cpu['id']}: runs {runs}, at {guest.place(guest.registers(number))}",
            f"    guest: busy {seconds(busy)} of {seconds(now - CLOCK_START)}; {cpu['nr_switches']} switches, {cpu['nr_irqs']} interrupts, "
            f"the last account {seconds(now - queue['accounted'])} ago",
            f"    host:  {host}",
            f"    queue: {queue['nr_queued']} threads, incoming {'not empty' if queue['incoming'] else 'empty'}, "
            f"requests {queue['requests']:#x}, " + ", ".join(words)]


def verdict(guest, running, now, times):
    """One sentence: whom to look at first."""
    idle = {cpu["idle"] for cpu in guest.cpus}
    ready = [thread for thread in guest.threads if thread["address"] not in idle
             and thread_state(thread, running) in ("running", "queued", "in flight")]
    asleep = [cpu["id"] for cpu in guest.cpus if cpu["queue"]["is_idle"] and cpu["is_online"]
              and (cpu["queue"]["incoming"] or cpu["queue"]["nr_queued"] or cpu["queue"]["requests"] or cpu["queue"]["armed"] + LATE_NS < now)]
    if asleep:
        return f"CPU {', '.join(map(str, asleep))} sleeps although it has something to do: an interrupt was lost"
    if times and times[0] + times[1] > (now - CLOCK_START) / 2e9 and times[0] < times[1]:
        return "the host was slow: QEMU waited for a CPU of the host longer than it had one"
    if not ready:
        return "every CPU is idle and no thread is ready: each waits for what is said below (a lost wake-up, or something outside)"
    if all(thread["address"] in running for thread in ready):
        return "the threads that are ready run: the program was busy, or the kernel where it says so"
    return "threads are ready and do not run: see the queues"


def machine_lines(guest, hosts, now):
    """Of each CPU and each thread."""
    running = {cpu["running"] for cpu in guest.cpus}
    lines = []
    for number, cpu in enumerate(guest.cpus):
        host = hosts[number] if number < len(hosts) else None
        text = f"ran {host[0]:.3f} s, waited {host[1]:.3f} s for a CPU" if host else "not known"
        try:
            lines += cpu_lines(guest, cpu, number, now, text)
        except NoAnswer as error:
            lines.append(f"  CPU {cpu['id']}: {error}")
    lines.append(f"  {'thread':>8} {'name':16} {'state':10} {'CPU':>3} {'ran':>12} {'switches':>9}  {'deadline':18} waits for")
    by_address = {cpu["address"]: cpu["id"] for cpu in guest.cpus}
    for thread in guest.threads:
        label, name = thread_label(thread)
        entity = thread["entity"]
        lines.append(f"  {label:>8} {name:16} {thread_state(thread, running):10} {by_address.get(thread['cpu'], -1):3} {seconds(thread_time(thread, now)):>12} "
                     f"{entity['nr_voluntary'] + entity['nr_involuntary']:9}  {deadline(thread, now):18} {thread['wait']}"
                     + (f"  attention {thread['attention']:#x}" if thread["attention"] else ""))
    return lines


def report_lines(monitor, pid, image):
    """Lines for people about the machine, which is stopped; image: its kernel."""
    times = host_times(pid)
    lines = [f"samara: QEMU ran for {times[0]:.1f} s on CPUs of the host and waited {times[1]:.1f} s for one"] if times else []
    try:
        elapsed = monitor.stop()
        hosts = [host_times(pid, cpu.get("thread-id")) for cpu in monitor.execute("query-cpus-fast")]
        guest = Guest(monitor, find_elf(image))
        now = guest.time(elapsed)
        lines.append(f"samara: the guest's clock is at {seconds(now - CLOCK_START)}, {elapsed:.3f} s after the start of the machine; "
                     + verdict(guest, {cpu["running"] for cpu in guest.cpus}, now, times))
        return lines + machine_lines(guest, hosts, now)
    except (NoAnswer, OSError, ValueError, KeyError, IndexError, struct.error) as error:
        return lines + [f"samara: what the machine was doing is not known: {error}"]

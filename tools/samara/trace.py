# SPDX-License-Identifier: MIT
"""Traces: from the stream that the kernel writes (sched/trace.h) to Chrome's trace event format, which Perfetto and chrome://tracing open.

What becomes what:
    switches            a track for each CPU: which thread ran from when to when
    system calls        a slice on the track of their thread
    page faults, interrupts, block requests     slices on the track of their thread or CPU
    wake-ups, packets   instants
"""
import json
import struct
from dataclasses import dataclass, field

from .errors import Failure

MAGIC, VERSION = 0x52544D53, 1
RECORDS, LOST, THREADS, MAPS = 1, 2, 3, 4
KERNEL_THREAD = 1 << 31
BLOCKED = 1 << 63

(SWITCH, WAKE, THREAD_END, IRQ_BEGIN, IRQ_END, SYSCALL_BEGIN, SYSCALL_END, FAULT_BEGIN, FAULT_END, PACKET_IN, PACKET_OUT,
 BLOCK_BEGIN, BLOCK_END, SAMPLE, SAMPLE_MORE) = range(15)

# Processes of the viewer: one for the CPUs, one for the program, one for the kernel's threads.
PID_CPUS, PID_PROGRAM, PID_KERNEL = 1, 2, 3


@dataclass
class Record:
    time: int
    event: int
    thread: int
    a: int
    b: int


@dataclass
class Trace:
    """records: {cpu: [Record]}, oldest first; lost: {cpu: how many were overwritten}; names: {thread id: name}."""
    cpus: int = 0
    records: dict = field(default_factory=dict)
    lost: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)
    maps: str = ""


def text_of(data):
    return data.split(b"\0")[0].decode("utf-8", "replace")


def parse(data):
    """A Trace from the bytes of the port. Failure when they are none: the machine ended before it wrote them."""
    if len(data) < 16:
        raise Failure("the machine wrote no trace: it did not come to its end, or the kernel has no console ports")
    magic, version, cpus, size = struct.unpack_from("<4I", data)
    if magic != MAGIC or version != VERSION:
        raise Failure("what the machine wrote is not a trace of this version")
    trace = Trace(cpus)
    position = 16
    while position + 16 <= len(data):
        kind, cpu, length = struct.unpack_from("<IIQ", data, position)
        body = data[position + 16:position + 16 + length]
        position += 16 + length
        if kind == RECORDS:
            usable = len(body) - len(body) % size
            rows = struct.iter_unpack("<QIIQQ", body[:usable]) if size == 32 else ()
            trace.records[cpu] = [Record(*row) for row in rows]
        elif kind == LOST and len(body) == 8:
            trace.lost[cpu] = struct.unpack("<Q", body)[0]
        elif kind == THREADS:
            for number, name in struct.iter_unpack("<I16s", body[:len(body) - len(body) % 20]):
                trace.names[number] = text_of(name)
        elif kind == MAPS:
            trace.maps = body.decode("utf-8", "replace")
    for rows in trace.records.values():
        for row in rows:
            if row.event == THREAD_END:
                trace.names.setdefault(row.thread, text_of(struct.pack("<QQ", row.a, row.b)))
    return trace


def thread_name(trace, number):
    return trace.names.get(number) or (f"kernel {number & ~KERNEL_THREAD}" if number & KERNEL_THREAD else f"thread {number}")


def microseconds(nanoseconds):
    return nanoseconds / 1000


def place(number):
    return {"pid": PID_KERNEL if number & KERNEL_THREAD else PID_PROGRAM, "tid": number & ~KERNEL_THREAD}


def signed(value):
    return value - (1 << 64) if value >> 63 else value


class Slices:
    """Pairs of begin and end records; those without a partner (cut by the ring, or running at the end) are left out."""

    def __init__(self):
        self.open, self.events = {}, []

    def begin(self, key, record):
        self.open[key] = record

    def end(self, key, record, name, where, **arguments):
        first = self.open.pop(key, None)
        if first is not None:
            self.events.append({"ph": "X", "name": name(first), "ts": microseconds(first.time),
                                "dur": microseconds(record.time - first.time), **where, "args": arguments})


def cpu_events(trace, cpu, rows, slices, syscalls):
    where = {"pid": PID_CPUS, "tid": cpu}
    running, since = None, 0
    for row in rows:
        if row.event == SWITCH:
            left = row.a & ~BLOCKED
            if running == left:
                slices.events.append({"ph": "X", "name": thread_name(trace, left), "ts": microseconds(since),
                                      "dur": microseconds(row.time - since), **where,
                                      "args": {"then": "waits" if row.a & BLOCKED else "is ready"}})
            running, since = row.b, row.time
        elif row.event == IRQ_BEGIN:
            slices.begin(("irq", cpu), row)
        elif row.event == IRQ_END:
            slices.end(("irq", cpu), row, lambda first: f"irq {first.a}", where)
        elif row.event == FAULT_BEGIN:
            slices.begin(("fault", row.thread), row)
        elif row.event == FAULT_END:
            slices.end(("fault", row.thread), row, lambda first: "fault", place(row.thread), address=hex(row.a), result=signed(row.b))
        elif row.event == SYSCALL_BEGIN:
            slices.begin(("call", row.thread), row)
        elif row.event == SYSCALL_END:
            slices.end(("call", row.thread), row, lambda first: syscalls.get(first.a, f"call {first.a}"), place(row.thread),
                       result=signed(row.b))
        elif row.event == BLOCK_BEGIN:
            slices.begin(("block", row.a), row)
        elif row.event == BLOCK_END:
            slices.end(("block", row.a), row, lambda first: "write" if first.b >> 63 else "read", where, sector=row.a)
        elif row.event == WAKE:
            slices.events.append({"ph": "i", "s": "t", "name": "wakes " + thread_name(trace, row.a),
                                  "ts": microseconds(row.time), **place(row.thread), "args": {}})
        elif row.event in (PACKET_IN, PACKET_OUT):
            slices.events.append({"ph": "i", "s": "t", "name": "packet in" if row.event == PACKET_IN else "packet out",
                                  "ts": microseconds(row.time), **where, "args": {"bytes": row.a, "queue": row.b}})


def chrome(trace, syscalls):
    """The object to write as JSON. syscalls: {number: name}."""
    events = []
    for pid, name in ((PID_CPUS, "CPUs"), (PID_PROGRAM, "program"), (PID_KERNEL, "kernel")):
        events.append({"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}})
    for cpu in range(trace.cpus):
        events.append({"ph": "M", "name": "thread_name", "pid": PID_CPUS, "tid": cpu, "args": {"name": f"CPU {cpu}"}})
    for number, name in sorted(trace.names.items()):
        events.append({"ph": "M", "name": "thread_name", **place(number), "args": {"name": name}})
    slices = Slices()
    # A call may begin on one CPU and end on another: all records in order of time.
    merged = sorted(((row.time, cpu, index, row) for cpu, rows in trace.records.items() for index, row in enumerate(rows)),
                    key=lambda item: item[:3])
    by_cpu = {cpu: [] for cpu in trace.records}
    for _, cpu, _, row in merged:
        by_cpu[cpu].append(row)
    shared = [(cpu, row) for _, cpu, _, row in merged if row.event not in (SWITCH,)]
    for cpu, rows in by_cpu.items():
        cpu_events(trace, cpu, [row for row in rows if row.event == SWITCH], slices, syscalls)
    for cpu, row in shared:
        cpu_events(trace, cpu, [row], slices, syscalls)
    events += sorted(slices.events, key=lambda event: event["ts"])
    return {"traceEvents": events, "displayTimeUnit": "ns", "otherData": {"lost records": sum(trace.lost.values())}}


def syscall_names(path, column=1):
    """{number: name} from linux/syscalls.def: column 1 is arm64's, 2 x86-64's."""
    names = {}
    with open(path, encoding="utf-8") as rows:
        for row in rows:
            if row.startswith("SYS") and "(" in row:
                words = row[row.index("(") + 1:].rstrip(")\n").split(",")
                if len(words) > column and words[column].strip().isdigit():
                    names[int(words[column])] = words[0].strip()
    return names


def write_chrome(data, out, definitions, column=1):
    trace = parse(data)
    try:
        names = syscall_names(definitions, column)
    except OSError:
        names = {}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(chrome(trace, names), file)
    return trace

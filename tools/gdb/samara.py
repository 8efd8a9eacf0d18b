# SPDX-License-Identifier: MIT
"""Samara's data structures for gdb-multiarch: `samara` lists the commands. Loaded by the line that `samara run --gdb` prints.

All is read from memory through the CPU that is selected, whose MMU must be on (stop after the first instructions, as at a
breakpoint). Nothing here calls into the machine or changes it.
"""
import ipaddress

import gdb

IS_X86 = "x86-64" in gdb.execute("show architecture", to_string=True)
LINEAR_BASE = 0xffff800000000000 if IS_X86 else 0xffff000000000000  # arch-*/arch/layout.h
SWITCH_RECORD = 40 if IS_X86 else 0  # from arch.ksp to the frame record: arch-*/switch.S
KERNEL_BASE = 0xffffffff80000000
KERNEL_THREAD = 1 << 31
STATES = ["new", "runnable", "announced", "blocked", "dead"]
MAX_DEPTH = 64


def value(text):
    return gdb.parse_and_eval(text)


def peek(address):
    """The 64-bit word at a kernel address."""
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, 8)), "little")


def container(pointer, type_name, member):
    """container_of(pointer, type, member)."""
    kind = gdb.lookup_type(type_name)
    offset = next(field.bitpos // 8 for field in kind.fields() if field.name == member)
    return gdb.Value(int(pointer) - offset).cast(kind.pointer())


def text(pointer):
    return pointer.string(errors="replace") if int(pointer) else ""


def symbol(address):
    """name+offset, and the line."""
    block = gdb.execute(f"info symbol {address:#x}", to_string=True)
    name = block.split(" in section")[0] if " in section" in block else "?"
    place = gdb.find_pc_line(address)
    return name + (f"  {place.symtab.filename}:{place.line}" if place.symtab else "")


def cpus():
    return [value(f"cpus[{number}]") for number in range(int(value("nr_cpus")))]


def threads():
    """All threads in order of their making, and the idle threads, which are in no list."""
    found = [cpu["idle"] for cpu in cpus() if int(cpu["idle"])]
    head = value("&registry.threads")
    node = head["next"]
    while int(node) and int(node) != int(head):
        entity = container(node, "struct sched_entity", "all")
        if int(entity["thread"]) not in [int(other) for other in found]:
            found.append(entity["thread"])
        node = node["next"]
    return found


def thread_name(thread):
    number = int(thread["id"])
    label = f"k{number & ~KERNEL_THREAD}" if number & KERNEL_THREAD else str(number)
    return label, thread["name"].string(errors="replace")


def find_thread(word):
    """By id (12, k3), or by address."""
    for thread in threads():
        if word == thread_name(thread)[0] or (word.startswith("0x") and int(word, 16) == int(thread)):
            return thread
    raise gdb.GdbError(f"there is no thread {word}: see samara threads")


def running():
    return {int(cpu["running"]): int(cpu["id"]) for cpu in cpus()}


class Samara(gdb.Command):
    """What the machine is doing: samara threads, runqueues, areas, sockets, mutexes, mutex ADDR, pt VA, bt THREAD."""

    def __init__(self):
        super().__init__("samara", gdb.COMMAND_DATA, prefix=True)


class Command(gdb.Command):
    def __init__(self, name):
        super().__init__("samara " + name, gdb.COMMAND_DATA)


class Threads(Command):
    """samara threads: every thread, its state, where it runs or ran, and what it waits for."""

    def invoke(self, argument, _):
        now = running()
        print(f"{'id':>6} {'state':10} {'cpu':>3} {'name':16} {'waits for':20} struct thread")
        for thread in threads():
            label, name = thread_name(thread)
            state = STATES[int(thread["sched"]["state"])]
            state = "running" if int(thread) in now and state == "runnable" else state
            print(f"{label:>6} {state:10} {int(thread['cpu']['id']) if int(thread['cpu']) else -1:3} {name:16} "
                  f"{text(thread['wchan']):20} {int(thread):#x}")


def in_order(node):
    if int(node):
        yield from in_order(node["left"])
        yield node
        yield from in_order(node["right"])


class Runqueues(Command):
    """samara runqueues: for every CPU what runs, what is queued in order, and its counters."""

    def invoke(self, argument, _):
        for cpu in cpus():
            queue = cpu["rq"]
            label, name = thread_name(cpu["running"])
            print(f"CPU {int(cpu['id'])}: runs {label} {name}; {int(queue['nr_queued'])} queued, {int(cpu['nr_switches'])} switches, "
                  f"{int(cpu['nr_irqs'])} interrupts, idle {int(cpu['idle_ns']) / 1e9:.3f} s, requests {int(queue['requests']):#x}")
            entities = [queue["first"]] if int(queue["first"]) else []
            entities += [container(node, "struct sched_entity", "node") for node in in_order(queue["tree"]["root"])]
            for entity in entities:
                label, name = thread_name(entity["thread"])
                print(f"    {label:>6} {name:16} key {int(entity['key']):#x}{' real-time' if entity['is_rt'] else ''}")


def aspaces():
    found = {}
    for thread in threads():
        if int(thread["aspace"]):
            found.setdefault(int(thread["aspace"]), (thread["aspace"], thread))
    return list(found.values())


class Areas(Command):
    """samara areas: the mappings of every address space, as in /proc/PID/maps."""

    def invoke(self, argument, _):
        for aspace, thread in aspaces():
            label, name = thread_name(thread)
            print(f"address space {int(aspace):#x} of thread {label} {name}: asid {int(aspace['asid'])}, {int(aspace['tree']['nr'])} "
                  f"areas, {int(aspace['nr_resident'])} pages resident, {int(aspace['nr_faults'])} faults")
            node = aspace["tree"]["first"]
            while int(node):
                area = container(node, "struct area", "node")
                prot = int(area["prot"])
                shown = "".join(letter if prot & bit else "-" for letter, bit in (("r", 1), ("w", 2), ("x", 4)))
                what = f"object {int(area['object']):#x}+{int(area['off']):#x}" if int(area["object"]) else "anonymous"
                print(f"    {int(node['start']):012x}-{int(node['end']):012x} {shown} {what} {text(area['name'])}")
                node = node["next"]


class Mutex(Command):
    """samara mutex ADDR: owner and waiters of a struct mutex (an address, or an expression such as &some_lock)."""

    def invoke(self, argument, _):
        if not argument:
            raise gdb.GdbError("samara mutex ADDR")
        mutex = gdb.Value(int(value(argument))).cast(gdb.lookup_type("struct mutex").pointer())
        word = int(mutex["word"])
        owner = next((thread for thread in threads() if int(thread) == word & ~15), None)
        if owner is None:
            print(f"free (word {word:#x})" if not word & ~15 else f"word {word:#x}: the owner is no thread; is this a mutex?")
        else:
            print("owner {} {}, flags {:#x}".format(*thread_name(owner), word & 15))
        for title, first in (("waiting, oldest first", mutex["waiting"]), ("incoming, newest first", mutex["incoming"]["head"])):
            waiters = [" ".join(thread_name(waiter["thread"])) for waiter in waiters_from(int(first))]
            if waiters:
                print(f"{title}: " + ", ".join(waiters))


def waiters_from(node):
    """The struct mutex_waiter of a list."""
    found = []
    while node and len(found) < 1000:
        waiter = gdb.Value(node).cast(gdb.lookup_type("struct mutex_waiter").pointer())
        found.append(waiter)
        node = int(waiter["node"]["next"])
    return found


class Mutexes(Command):
    """samara mutexes: the mutexes that threads wait for, and who owns them. A thread keeps no pointer to the mutex: it is looked for on
    its stack, as the address of a mutex that has this thread among its waiters."""

    def invoke(self, argument, _):
        known = {int(thread) for thread in threads()}
        nothing = True
        for thread in threads():
            if text(thread["wchan"]) != "mutex":
                continue
            nothing = False
            address = self.find(thread, known)
            label, name = thread_name(thread)
            if not address:
                print(f"{label} {name}: waits for a mutex that is not found (it may run just now)")
                continue
            where = symbol(address).split("  ")[0]
            print(f"{label} {name} waits for {address:#x}{'' if where == '?' else ' ' + where}: ", end="")
            owner = peek(address) & ~15
            print("owner {} {}, waits for {}".format(*thread_name(self.as_thread(owner)), text(self.as_thread(owner)["wchan"]) or "nothing")
                  if owner in known else "free")
        if nothing:
            print("no thread waits for a mutex")

    @staticmethod
    def as_thread(address):
        return gdb.Value(address).cast(gdb.lookup_type("struct thread").pointer())

    @staticmethod
    def find(thread, known):
        low = int(thread["kstack"])
        first = int(thread["arch"]["ksp"])
        if not low <= first < low + 16384:
            return 0
        stack = bytes(gdb.selected_inferior().read_memory(first, low + 16384 - first))
        words = {int.from_bytes(stack[at:at + 8], "little") for at in range(0, len(stack) & ~7, 8)}
        for word in words:
            if word < LINEAR_BASE or word & 7:
                continue
            try:
                mutex = gdb.Value(word).cast(gdb.lookup_type("struct mutex").pointer())
                if int(mutex["word"]) & ~15 not in known | {0}:
                    continue
                lists = waiters_from(int(mutex["waiting"])) + waiters_from(int(mutex["incoming"]["head"]))
                if any(int(waiter["thread"]) == int(thread) for waiter in lists):
                    return word
            except gdb.MemoryError:
                continue
        return 0


FAMILIES = {1: "unix", 2: "inet", 10: "inet6", 16: "netlink"}
TYPES = {1: "stream", 2: "dgram", 3: "raw", 5: "seqpacket"}
TCP_STATES = ["?", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"]


def endpoint(address, port):
    """ADDRESS:PORT of a struct ip_addr."""
    raw = bytes(int(address["b"][index]) for index in range(16))
    ip = ipaddress.IPv6Address(raw)
    shown = str(ip.ipv4_mapped) if ip.ipv4_mapped else "*" if not any(raw) else f"[{ip}]"
    return f"{shown}:{int(port) or '*'}"


class Sockets(Command):
    """samara sockets: every socket, where it leads, what is queued; for TCP also sequence numbers, windows and what its timer waits for."""

    def invoke(self, argument, _):
        number = 0
        socket = value("sockets")
        while int(socket):
            self.show(socket)
            socket = socket["next"]
            number += 1
        print(f"{number} sockets")

    def show(self, socket):
        family, kind = int(socket["family"]), int(socket["type"])
        head = f"{int(socket):#x} {FAMILIES.get(family, family)} {TYPES.get(kind, kind)}"
        lock = int(socket["lock"]["word"]) & ~15
        owner = next((" ".join(thread_name(thread)) for thread in threads() if int(thread) == lock), None) if lock else None
        tail = f" references {int(socket['refs'])}" + (f" locked by {owner}" if owner else "") + \
            (f" error {int(socket['error'])}" if int(socket["error"]) else "")
        if int(socket["ops"]) == int(value("&tcp_ops")):
            self.show_tcp(head, container(socket, "struct tcp_sock", "so"), tail)
        elif family in (2, 10):
            dgram = container(socket, "struct dgram", "so")
            print(f"{head} {endpoint(dgram['laddr'], dgram['lport'])} {endpoint(dgram['raddr'], dgram['rport'])} "
                  f"queued {int(dgram['queued'])} dropped {int(dgram['nr_dropped'])}{tail}")
        elif family == 1:
            unix = container(socket, "struct unix_sock", "so")
            print(f"{head} peer {int(unix['peer']):#x} queued {int(unix['queued'])}{tail}")
        else:
            print(head + tail)

    @staticmethod
    def show_tcp(head, tcp, tail):
        state = TCP_STATES[int(tcp["state"])] if int(tcp["state"]) < len(TCP_STATES) else int(tcp["state"])
        print(f"{head} {state} {endpoint(tcp['laddr'], tcp['lport'])} {endpoint(tcp['raddr'], tcp['rport'])}{tail}")
        if state == "LISTEN":
            print(f"    {int(tcp['nr_accept'])} to accept of {int(tcp['backlog'])}, {int(tcp['nr_half_open'])} half open")
            return
        number = {name: int(tcp[name]) for name in ("snd_una", "snd_nxt", "write_seq", "snd_wnd", "rcv_nxt", "copied_seq", "rcv_adv", "rcv_bytes", "cwnd", "mss")}
        mask = 0xffffffff
        print(f"    send: una {number['snd_una']} +{number['snd_nxt'] - number['snd_una'] & mask} in flight +"
              f"{number['write_seq'] - number['snd_nxt'] & mask} to send, window {number['snd_wnd']}, cwnd {number['cwnd']}, mss {number['mss']}")
        print(f"    receive: next {number['rcv_nxt']}, {number['rcv_nxt'] - number['copied_seq'] & mask} to read, window "
              f"{number['rcv_adv'] - number['rcv_nxt'] & mask}, {int(tcp['nr_queued'])} packets in the channel, work {'is queued' if int(tcp['needs_attention']) else 'none'}")
        timers = [f"{name[:-3]} {int(tcp[name]) / 1e9:.3f}" for name in ("xmit_at", "delack_at", "keep_at", "state_at") if int(tcp[name]) != (1 << 64) - 1]
        print(f"    timers (s since boot): {', '.join(timers) or 'none'}; rto {int(tcp['rto']) / 1e6:.1f} ms, backoff {int(tcp['nr_backoff'])}")


class PageTable(Command):
    """samara pt VA [THREAD]: walk the page table to an address (Arm ARM D8.3; Intel SDM vol. 3A 4.5). An application address: of the running thread's address
    space, else of the first."""

    def invoke(self, argument, _):
        words = argument.split()
        if not words:
            raise gdb.GdbError("samara pt VA [THREAD]")
        address = int(value(words[0])) & (1 << 64) - 1
        if address >> 63:
            table = int(value("arch_kernel_root" if IS_X86 else "$TTBR1_EL1")) & 0xfffffffff000
        else:
            spaces = aspaces()
            chosen = [find_thread(words[1])["aspace"]] if len(words) > 1 else \
                [cpu["running"]["aspace"] for cpu in cpus() if int(cpu["running"]["aspace"])] + [space for space, _ in spaces]
            if not chosen or not int(chosen[0]):
                raise gdb.GdbError("there is no application yet")
            table = int(chosen[0]["root"])
        for level in (3, 2, 1, 0):
            index = address >> (12 + 9 * level) & 511
            entry = peek(LINEAR_BASE + table + 8 * index)
            manual = level + 1 if IS_X86 else 3 - level
            print(f"level {level} ({manual} in the manual): table {table:#x}[{index}] = {entry:#018x} {self.describe(entry, level)}")
            table = entry & 0xfffffffff000
            if not entry & 1:
                return
            if level == 0 or self.is_leaf(entry):
                size = 1 << (12 + 9 * level)
                print(f"{address:#x} -> physical {(table & -size) + (address & size - 1):#x}")
                return

    @staticmethod
    def is_leaf(entry):
        """Above level 0."""
        return bool(entry & 0x80) if IS_X86 else not entry & 2

    def describe_x86(self, entry, level):
        if not entry & 1:
            return "kept, no access" if entry >> 53 & 1 else "nothing mapped"
        if level and not self.is_leaf(entry):
            return "table"
        words = ["page" if level == 0 else "block", "writable" if entry & 2 else "read-only", "no exec" if entry >> 63 else "exec",
                 "device" if entry & 0x18 else "normal"]
        words += ["global" for _ in [0] if entry & 0x100] + ["own" for _ in [0] if entry >> 52 & 1]
        return ", ".join(words)

    def describe(self, entry, level):
        if IS_X86:
            return self.describe_x86(entry, level)
        if not entry & 1:
            return "kept, no access" if entry >> 56 & 1 else "nothing mapped"
        if level and not self.is_leaf(entry):
            return "table"
        words = ["page" if level == 0 else "block", "read-only" if entry & 0x80 else "writable"]
        words.append("no exec" if entry >> 53 & 1 else "exec")
        words.append(("normal", "device", "not cached")[entry >> 2 & 7] if (entry >> 2 & 7) < 3 else "?")
        words += ["application" for _ in [0] if entry & 0x800] + ["own" for _ in [0] if entry >> 55 & 1]
        return ", ".join(words)


class Backtrace(Command):
    """samara bt THREAD|all: where a thread that is switched out is, in the kernel (by the frame records on its stack)."""

    def invoke(self, argument, _):
        if not argument:
            raise gdb.GdbError("samara bt THREAD, or samara bt all")
        for thread in threads() if argument == "all" else [find_thread(argument)]:
            label, name = thread_name(thread)
            print(f"thread {label} {name} {text(thread['wchan'])}")
            if int(thread) in running():
                print(f"    runs on CPU {running()[int(thread)]}: `thread {running()[int(thread)] + 1}`, then `bt`")
                continue
            low = int(thread["kstack"])
            frame = int(thread["arch"]["ksp"]) + SWITCH_RECORD
            depth = 0
            while low <= frame <= low + 16384 - 16 and depth < MAX_DEPTH:
                following, address = peek(frame), peek(frame + 8)
                if address < KERNEL_BASE:
                    break
                print(f"    #{depth:<2} {address:#x} {symbol(address - 4)}")
                if following <= frame:
                    break
                frame, depth = following, depth + 1


for kind in (Samara, Threads, Runqueues, Areas, Mutex, Mutexes, Sockets, PageTable, Backtrace):
    if kind is Samara:
        kind()
    else:
        kind({"PageTable": "pt", "Backtrace": "bt"}.get(kind.__name__, kind.__name__.lower()))

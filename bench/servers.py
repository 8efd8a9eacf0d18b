#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Servers on Samara and on Debian's Linux kernel under the same load over a tap: redis, nginx, memcached, iperf3.

  bench/servers.py [--cpus 1,2] [--repeats N] [--only samara|linux] [--save] [SERVER...]
  bench/servers.py --profile [SERVER...]		where Samara's instructions go, with one CPU, by function
  SAMARA_BENCH_NIC=guest_tso4=off,guest_tso6=off bench/servers.py ...	with these properties of the network device
  SAMARA_LEAST=0.003 bench/servers.py --profile ...	functions with this part of all instead of 1 %

Each server is booted on each system and number of CPUs until it is ready (time; instructions; memory), then for each load
once to take rates and latencies of N runs, once to count executed instructions in N runs with a QEMU plugin. The tap lies in a network namespace that lives as long as this program. Rates depend on the host and on what else
it does; instructions do not. Results: a table on standard output, build/bench/servers.json; --save: docs/servers.md.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, BENCH)

import flat  # noqa: E402  (the path above must be set first)
import loads  # noqa: E402
import machines  # noqa: E402
from machines import GUEST_ADDRESS, OUT, REPO, TAP  # noqa: E402

INSIDE = "SAMARA_BENCH_NETWORK"  # set in the process that runs in the namespace
CONFIGURATION = os.path.join(OUT, "servers")
NGINX = """\
user root;
daemon off;
master_process off;
pid /run/nginx.pid;
error_log stderr info;
events { worker_connections 256; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path /tmp/body;
	proxy_temp_path /tmp/proxy;
	fastcgi_temp_path /tmp/fastcgi;
	uwsgi_temp_path /tmp/uwsgi;
	scgi_temp_path /tmp/scgi;
	server { listen 80; root /bench/www; }
}
"""
ELF = os.path.join(REPO, "build", machines.PORT.name, "kernel.elf")
COMMIT = machines.commit()
TRIES = 3  # machines for a load that stalls
CASLAP = "key\n16 16 1\nvalue\n100 100 1\ncmd\n0 {sets}\n1 {gets}\n"


class Server:
    """name; package; command; port; ready: the line that says so; loads: {name: function}; more: arguments without which
    it does not say that it is ready; files: {path in the root: content}."""

    def __init__(self, name, package, command, port, ready, load, more=(), files=None, unit="requests"):
        self.name, self.package, self.command, self.port = name, package, command, port
        self.ready, self.more, self.files, self.loads, self.unit = ready, list(more), files or {}, load, unit

    def command_for(self, cpus, is_boot):
        words = [word.replace("{cpus}", str(cpus)) for word in self.command]
        return words + (self.more if is_boot else [])

    def root(self):
        files = {}
        for path, content in self.files.items():
            host = os.path.join(CONFIGURATION, os.path.basename(path))
            write(host, content)
            files[path] = host
        return machines.root_image(self.package, self.command[0], files)


def write(path, content):
    """Unless it is so already: the image is cached by time, too."""
    try:
        with open(path, encoding="utf-8") as handle:
            if handle.read() == content:
                return
    except OSError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(content)


def caslap_config(percent):
    """Of so many sets in a hundred; with none, memcaslap makes half a million before it begins."""
    path = os.path.join(CONFIGURATION, f"caslap-{percent}")
    write(path, CASLAP.format(sets=percent / 100, gets=1 - percent / 100))
    return path


SERVERS = [
    Server("redis", "redis-server", ["/usr/bin/redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "",
                                     "--ignore-warnings", "ARM64-COW-BUG"], 6379, "Ready to accept connections",
           {"redis SET": lambda: loads.redis(GUEST_ADDRESS, "set", 1, 15000),
            "redis GET": lambda: loads.redis(GUEST_ADDRESS, "get", 1, 15000),
            "redis SET, pipeline 16": lambda: loads.redis(GUEST_ADDRESS, "set", 16, 120000),
            "redis GET, pipeline 16": lambda: loads.redis(GUEST_ADDRESS, "get", 16, 120000)}),
    Server("nginx", "nginx-light", ["/usr/sbin/nginx", "-e", "stderr", "-c", "/bench/nginx.conf"], 80,
           'using the "epoll" event method', {"nginx, 1 KiB file": lambda: loads.wrk(GUEST_ADDRESS, "/1k", 3)},
           files={"/bench/nginx.conf": NGINX, "/bench/www/1k": "samara! " * 128}),
    Server("memcached", "memcached", ["/usr/bin/memcached", "-u", "root", "-U", "0", "-t", "{cpus}"], 11211,
           "server listening",
           {"memcached set": lambda: loads.memcaslap(GUEST_ADDRESS, caslap_config(100), 12000),
            "memcached 9 get, 1 set": lambda: loads.memcaslap(GUEST_ADDRESS, caslap_config(10), 12000)}, more=["-vv"]),
    Server("iperf3", "iperf3", ["/usr/bin/iperf3", "-s", "--forceflush"], 5201, "Server listening",
           {"iperf3 to the guest": lambda: loads.iperf(GUEST_ADDRESS, 3, False),
            "iperf3 from the guest": lambda: loads.iperf(GUEST_ADDRESS, 3, True)}, unit="Mbit"),
]


# -- the network ------------------------------------------------------------------------------------------------------

def enter_namespace(prepare=lambda: None):
    """Run this program again in a network namespace of its own, after prepare(); never returns."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    script = (f"ip tuntap add dev {TAP} mode tap && ip link set lo up && ip link set {TAP} up && "
              f"ip address add {machines.HOST_ADDRESS}/24 dev {TAP} && "
              f"ip neighbour replace {GUEST_ADDRESS} lladdr {machines.GUEST_MAC} dev {TAP} nud permanent")
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not shutil.which("ip", path=environment["PATH"]):
        skip("there is no ip command: install iproute2")
    tried = subprocess.run(unshare + ["sh", "-c", script], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, check=False)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[0]
        skip(f"this user may not make a tap in a network namespace of its own ({reason}); run it as root, or where "
             "/dev/net/tun can be opened and user namespaces are allowed")
    prepare()
    environment[INSIDE] = "1"
    os.execvpe("unshare", unshare + ["sh", "-c", script + ' && exec "$@"', "sh", sys.executable, *sys.argv], environment)


def skip(reason):
    print(f"bench-servers: skipped: {reason}.")
    sys.exit(0)


# -- measuring --------------------------------------------------------------------------------------------------------

def measure(server, system, cpus, repeats):
    """{"ready": {...}, "loads": {name: {...}}} of one server on one system."""
    root = server.root()
    result = {"commit": COMMIT, "ready": {}, "loads": {name: {"per_second": [], "latency_ms": [], "instructions": []} for name in server.loads}}
    ready = result["ready"]
    with machines.start(system, root, server.command_for(cpus, True), cpus) as machine:
        ready["seconds"], _ = machine.wait_for(server.ready)
    with machines.start(system, root, server.command_for(cpus, True), cpus, is_counted=True) as machine:
        _, ready["instructions"] = machine.wait_for(server.ready)
        ready["upper_half"] = sum(high for _, high in machine.counter.per_cpu())
    with machines.start(system, root, server.command_for(cpus, True), cpus,
                        environment=["LD_PRELOAD=/bench/probe.so"]) as machine:
        machine.wait_for(server.ready)
        memory = machine.meminfo()
        ready["memory_used"] = memory["MemTotal"] - memory["MemAvailable"]
        ready["memory_taken"] = machines.qemu.parse_memory(machines.MEMORY) - memory["MemAvailable"]
        ready["root_image"] = os.path.getsize(root)
    for is_counted in (False, True):
        for name, load in server.loads.items():
            run_load(server, system, cpus, root, load, result["loads"][name], repeats, is_counted)
    return result


def run_load(server, system, cpus, root, load, row, repeats, is_counted):
    """One load on a machine of its own: what one load left behind must not count in the next."""
    for _ in range(TRIES):
        with machines.start(system, root, server.command_for(cpus, False), cpus, is_counted) as machine:
            wait_ready(server, machine)
            try:
                while len(row["instructions"] if is_counted else row["per_second"]) < repeats:
                    before = machine.counter.per_cpu() if is_counted else None
                    done = load()
                    if is_counted:
                        row["instructions"].append(per_request(before, machine.counter.per_cpu(), done["requests"]))
                    else:
                        row["per_second"].append(done["per_second"])
                        row["latency_ms"].append(done["latency_ms"])
                return
            except RuntimeError as error:
                raise RuntimeError(f"{error}\n{machine.text()[-2000:]}") from error
            except subprocess.TimeoutExpired as error:
                row["stalls"] = row.get("stalls", 0) + 1
                print(f"bench-servers: {server.name} on {system}, {cpus} CPUs: stalled: {error}", file=sys.stderr, flush=True)


def wait_ready(server, machine):
    # A connection would be a client to iperf3; memcached says nothing by itself.
    if server.more:
        machine.wait_for_port(server.port)
    else:
        machine.wait_for(server.ready)


def profile(server, only):
    """The functions of the second run of each load that has `only` in its name; nothing is kept."""
    root = server.root()
    for name, load in server.loads.items():
        if only not in name:
            continue
        with machines.start("samara", root, server.command_for(1, False), 1, is_profiled=True) as machine:
            wait_ready(server, machine)
            load()
            before = flat.read(machine.counter.profile)
            requests = load()["requests"]
            after = flat.read(machine.counter.profile)
        print(f"\n{name}", flat.table(flat.Functions(ELF), before, after, requests), sep="\n\n", flush=True)


def per_request(before, after, requests):
    """Instructions of each CPU per request, {"total", "upper_half", "per_cpu"}."""
    cpus = []
    before = before + [(0, 0)] * (len(after) - len(before))
    for (low, high), (new_low, new_high) in zip(before, after):
        cpus.append([(new_low - low) / requests, (new_high - high) / requests])
    return {"total": sum(low + high for low, high in cpus), "upper_half": sum(high for _, high in cpus),
            "per_cpu": [low + high for low, high in cpus], "requests": requests}


# -- the tables -------------------------------------------------------------------------------------------------------

def number(value):
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def median(values):
    return statistics.median(values) if values else None


def least(values):
    return min(values, default=None)


def both(pair, function, ratio=None):
    """Cells for Samara and Linux, and their ratio ("linux" or "samara" over the other)."""
    values = [function(side) if side else None for side in pair]
    cells = [number(value) if value is not None else "-" for value in values]
    if None in values or not values[0] or not values[1]:
        return cells + ["-"]
    return cells + [f"{values[1] / values[0] if ratio == 'linux' else values[0] / values[1]:.1f}"]


def load_table(results, cpus):
    lines = ["| load | per second: Samara | Linux | Samara / Linux | instructions: Samara | Linux | Linux / Samara "
             "| latency ms p50, p95, p99: Samara | Linux |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for name, server in ((name, server) for server in SERVERS for name in server.loads):
        pair = [row_of(results, system, cpus, server.name, name) for system in ("samara", "linux")]
        if not any(pair):
            continue
        cells = both(pair, lambda side: median(side["per_second"]))
        cells += both(pair, lambda side: least([one["total"] for one in side["instructions"]]), "linux")
        for side in pair:
            latencies = [sorted(one.items()) for one in side["latency_ms"]] if side else []
            cells.append(", ".join(f"{statistics.median(run[index][1] for run in latencies):.1f}"
                                   for index in range(len(latencies[0]))) if latencies and latencies[0] else "-")
        stalls = ", ".join(f"{side['stalls']} stalled on {system}" for side, system in zip(pair, ("Samara", "Linux"))
                           if side and side.get("stalls"))
        name += f" ({stalls})" if stalls else ""
        lines.append(f"| {name}{' (Mbit/s; instructions per byte)' if server.unit == 'Mbit' else ''} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def row_of(results, system, cpus, server, load=None):
    found = results.get(system, {}).get(str(cpus), {}).get(server)
    return found and (found["loads"][load] if load else found["ready"])


def ready_table(results, cpus):
    lines = ["| ready | M instructions: Samara | Linux | Linux / Samara | seconds: Samara | Linux | Linux / Samara "
             "| MiB used: Samara | Linux | Linux / Samara | MiB of RAM not left: Samara | Linux |",
             "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for server in SERVERS:
        pair = [row_of(results, system, cpus, server.name) for system in ("samara", "linux")]
        if not any(pair):
            continue
        cells = both(pair, lambda side: side["instructions"] / 1e6, "linux")
        cells += both(pair, lambda side: side["seconds"], "linux")
        cells += both(pair, lambda side: side["memory_used"] / 2**20, "linux")
        cells += both(pair, lambda side: side["memory_taken"] / 2**20)[:2]
        lines.append(f"| {server.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


PAGE = """\
# Servers beside Linux

Made by `make bench-servers` ({when}, commit {commit}, host: {host}). Debian's redis-server, nginx-light, memcached and iperf3 for arm64
on Samara and on Debian's Linux {version}, in the same QEMU (TCG, `-M {machine} -cpu {cpu} -m {memory}`, virtio over MMIO, tap with
offloads, the same EROFS root image). Linux is at its best: `{arguments}`, seeds given.

**Instructions are what to compare; rates and latencies depend on the host and on what else it does at the time (load average at the end:
{load}).** Rates and latencies are the median of {repeats} runs without the plugin, instructions the least of {repeats} runs with it. With 2 CPUs
that needs a host with CPUs to spare: on a busy one Linux executes many times more instructions a request (presumably one virtual CPU spins
while the host holds back the other); Samara's hardly change. Load: redis-benchmark
with 50 connections; wrk with 32 kept connections, a file of 1 KiB, nginx without workers; memcaslap with 50 connections, 100-byte
values, memcached with a thread for each CPU (latencies are edges of bins by powers of two); iperf3 with one stream.
"Ready" is the server's own message. Used is MemTotal - MemAvailable; not left is {memory} - MemAvailable, in which Samara's includes the root
image, which is in RAM, and Linux' the kernel (its root is on a disk).
"""


def page(results, meta):
    text = PAGE.format(**meta)
    for cpus in sorted({cpus for system in results.values() for cpus in system}, key=int):
        text += f"\n## {cpus} CPU{'s' * (cpus != '1')}\n\n{load_table(results, cpus)}\n\n{ready_table(results, cpus)}\n"
    return text


def kept():
    """The results of the run before."""
    try:
        with open(os.path.join(OUT, "servers.json"), encoding="utf-8") as handle:
            return json.load(handle)["results"]
    except (OSError, ValueError, KeyError):
        return {}


def write_results(everything):
    with open(os.path.join(OUT, "servers.json"), "w", encoding="utf-8") as handle:
        json.dump(everything, handle, indent=1)


def commits(results):
    """What was measured, in words."""
    found = {server.get("commit", "unknown") for system in results.values() for cpus in system.values() for server in cpus.values()}
    return ", ".join(sorted(found))


def fetch():
    """What needs the real network."""
    machines.linux.modules(machines.MODULES)
    for server in SERVERS:
        server.root()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpus", default="1,2", help="numbers of CPUs, separated by commas (default 1,2)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each load, with and without the plugin (default 3)")
    parser.add_argument("--only", choices=("samara", "linux"))
    parser.add_argument("--keep", action="store_true", help="beside what build/bench/servers.json has of earlier runs")
    parser.add_argument("--save", action="store_true", help="write docs/servers.md too")
    parser.add_argument("--profile", nargs="?", const="", metavar="LOAD", help="of the loads with LOAD in their name")
    parser.add_argument("server", nargs="*", help=", ".join(server.name for server in SERVERS))
    args = parser.parse_args()
    known = {server.name: server for server in SERVERS}
    for name in args.server:
        if name not in known:
            parser.error(f"there is no server {name}; there are {', '.join(known)}")
    if INSIDE not in os.environ:
        for tool, package in loads.TOOLS.items():
            if not shutil.which(tool):
                skip(f"there is no {tool}: install {package} (tools/deps.sh bench)")
        enter_namespace(fetch)

    _, version = machines.linux.kernel()
    machines.freeze()
    if args.profile is not None:
        for server in [known[name] for name in args.server] or SERVERS:
            profile(server, args.profile)
        return 0
    results = kept() if args.keep else {}
    for cpus in args.cpus.split(","):
        for server in [known[name] for name in args.server] or SERVERS:
            for system in [args.only] if args.only else ("samara", "linux"):
                print(f"{server.name} on {system}, {cpus} CPU{'s' * (cpus != '1')} ...", file=sys.stderr, flush=True)
                try:
                    found = measure(server, system, int(cpus), args.repeats)
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    print(f"bench-servers: {server.name} on {system} with {cpus} CPUs: {error}", file=sys.stderr)
                    continue
                results.setdefault(system, {}).setdefault(cpus, {})[server.name] = found
                write_results({"results": results})  # what was measured is there if this is interrupted: --keep
    meta = {"when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "version": version,
            "commit": commits(results), "load": f"{os.getloadavg()[0]:.0f}", "host": f"{platform.machine()}, {os.cpu_count()} CPUs", "machine": machines.MACHINE,
            "cpu": machines.CPU, "memory": machines.MEMORY, "arguments": machines.linux.ARGUMENTS, "repeats": args.repeats}
    text = page(results, meta)
    print(text)
    write_results({**meta, "results": results})
    if args.save:
        with open(os.path.join(REPO, "docs", "servers.md"), "w", encoding="utf-8") as handle:
            handle.write(text)
    print("Also in build/bench/servers.json.")
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""Load generators (Debian's packages for this machine) and what they print, for bench/servers.py.

Each function runs one load against the guest and returns {"requests": how many, "per_second": rate, "latency_ms":
{percentile: value}}; for iperf3 a request is a byte and there is no latency.
"""
import csv
import json
import re
import subprocess
import time

TOOLS = {"redis-benchmark": "redis-tools", "wrk": "wrk", "memcaslap": "libmemcached-tools", "iperf3": "iperf3"}
LIMIT = 40  # seconds after which a load is given up


def output(words, is_error_told=False):
    """What it prints; RuntimeError if it fails, unless the output tells (is_error_told)."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=LIMIT, check=False)
    if done.returncode and not is_error_told:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-500:]}")
    return done.stdout


def redis(address, test, pipeline, requests):
    """redis-benchmark: 50 connections, one key, 3 bytes."""
    text = output(["redis-benchmark", "-h", address, "-c", "50", "-n", str(requests), "-t", test, "-P", str(pipeline),
                   "--csv"])
    row = list(csv.DictReader(line for line in text.splitlines() if line.startswith('"')))[0]
    return {"requests": requests, "per_second": float(row["rps"]),
            "latency_ms": {name: float(row[f"p{name}_latency_ms"]) for name in ("50", "95", "99")}}


UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def wrk(address, path, seconds):
    """wrk: one thread, 32 kept connections, GET of one file."""
    text = output(["wrk", "-t1", "-c32", f"-d{seconds}s", "--timeout", "20s", "--latency", f"http://{address}{path}"])
    errors = re.search(r"Socket errors: .*|Non-2xx .*", text)
    if errors:
        raise RuntimeError(f"wrk: {errors.group(0)}")
    latency = {name: float(value) * UNITS[unit]
               for name, value, unit in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE)}
    return {"requests": int(re.search(r"(\d+) requests in", text).group(1)),
            "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "latency_ms": {name: latency[name] for name in ("50", "90", "99")}}


def memcaslap(address, config, requests):
    """memcaslap: one thread, 50 connections, 100-byte values. It prints a histogram by powers of two of microseconds,
    so a percentile is the upper edge of the bin that holds it."""
    text = output(["memcaslap", "-s", f"{address}:11211", "-T", "1", "-c", "50", "-x", str(requests), "-F", config,
                   "-S", "1000s"])
    done = re.search(r"Ops: (\d+) TPS: (\d+)", text)
    return {"requests": int(done.group(1)), "per_second": float(done.group(2)), "latency_ms": histogram(text)}


def histogram(text):
    """Percentiles of memcaslap's last "Log2 Dist": lines of "exponent: count count count count"; the bin of an exponent e
    holds 2^(e-1) to 2^e microseconds."""
    bins = {}
    for line in text.rpartition("Log2 Dist")[2].splitlines():
        match = re.match(r"\s+(\d+):((?:\s+\d+)+)\s*$", line)
        if match:
            for index, value in enumerate(match.group(2).split()):
                bins[int(match.group(1)) + index] = int(value)
    total, seen, found = sum(bins.values()), 0, {}
    for exponent in sorted(bins):
        seen += bins[exponent]
        for name in ("50", "95", "99"):
            if name not in found and seen * 100 >= total * int(name) and total:
                found[name] = 2 ** exponent / 1000
    return found


def iperf(address, seconds, is_reverse):
    """iperf3: one TCP stream to the guest, or from it."""
    for _ in range(20):
        text = output(["iperf3", "-c", address, "-t", str(seconds), "-J"] + (["-R"] if is_reverse else []), True)
        result = json.loads(text)
        # Between two clients the server closes its socket, with who waits there, and listens anew.
        if not re.search("unable to connect|busy|reset by peer", result.get("error", "")):
            break
        time.sleep(0.3)
    if "error" in result:
        raise RuntimeError(f"iperf3: {result['error']}")
    received = result["end"]["sum_received"]
    return {"requests": received["bytes"], "per_second": received["bits_per_second"] / 1e6, "latency_ms": {}}

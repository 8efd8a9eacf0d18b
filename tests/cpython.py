#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython's own regression tests inside Samara: one virtual machine for each test module.

    tests/cpython.py                     all modules of libpython3.11-testsuite
    tests/cpython.py test_os test_signal only these
    tests/cpython.py -j 2 --cpus 2 --timeout 120 --out build/cpython.json

Prints a line for each module (its result as `python3.11 -m test` gives it) and a summary; the output of each stays in build/cpython/MODULE.log.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["python3.11", "libpython3.11-testsuite"]


def samara(*args, **kwargs):
    return subprocess.run([str(TOP / "samara"), *args], **kwargs)


def modules():
    """Names of the test modules in the package, without unpacking it by hand."""
    packages = [word for name in PACKAGES for word in ("--package", name)]
    root = samara("root", *packages, check=True, capture_output=True, text=True).stdout.strip()
    tests = pathlib.Path(root) / "usr/lib/python3.11/test"
    names = {path.stem for path in tests.glob("test_*.py")}
    names |= {path.name for path in tests.glob("test_*") if (path / "__init__.py").exists()}
    return sorted(names)


def classify(output, status):
    if status == 124:
        return "timeout"
    if "Tests result: SUCCESS" in output or "== Tests result: SUCCESS ==" in output:
        return "ok"
    if re.search(r"Tests result: NO TESTS? RAN|no tests ran|All 0 tests|1 test skipped", output) or "skipped:" in output and status in (0, 4):
        return "skipped"
    match = re.search(r"Tests result: (.*?)(?: ==|$)", output, re.M)
    if match:
        return match.group(1).lower()
    return f"died with status {status}"


def failures(output):
    """Names of failed test cases."""
    return sorted(set(re.findall(r"^(?:ERROR|FAIL): (\S+ \(\S+\))", output, re.M)))


def run(name, options):
    packages = [word for package in PACKAGES for word in ("--package", package)]
    started = time.monotonic()
    log = TOP / "build/cpython" / f"{name}.log"
    with open(log, "wb") as out:
        status = samara("run", "--quiet", "--cpus", str(options.cpus), "--memory", options.memory, "--timeout", str(options.timeout),
                        *packages, *options.option, "--", "python3.11", "-m", "test", "-v", name,
                        stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    output = log.read_text(errors="replace")
    return name, classify(output, status), failures(output), time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", nargs="*")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--timeout", type=int, default=180)
    parser.add_argument("--option", action="append", default=[], help="further option of samara run")
    parser.add_argument("--out", default=str(TOP / "build/cpython.json"))
    options = parser.parse_args()
    (TOP / "build/cpython").mkdir(parents=True, exist_ok=True)
    results = {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in concurrent.futures.as_completed(pool.submit(run, name, options) for name in options.module or modules()):
            name, result, failed, seconds = future.result()
            results[name] = {"result": result, "failed": failed, "seconds": round(seconds, 1)}
            print(f"{name:32} {result:10} {seconds:6.1f} s  {' '.join(failed[:4])}", flush=True)
            pathlib.Path(options.out).write_text(json.dumps(results, indent=1, sort_keys=True))
    ok = sum(r["result"] == "ok" for r in results.values())
    skipped = sum(r["result"] == "skipped" for r in results.values())
    print(f"{ok} passed, {len(results) - ok - skipped} failed, {skipped} skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython's own regression tests inside Samara: one virtual machine for each test module.

    tests/cpython.py                     all modules of libpython3.11-testsuite
    tests/cpython.py test_os test_signal only these
    tests/cpython.py -j 2 --cpus 2 --timeout 120 --out build/cpython.json
    tests/cpython.py --report docs/cpython.md   write what the last runs gave; runs nothing

Modules that are named replace their earlier results in build/cpython.json; the others stay. Prints a line for each module (its result as `python3.11 -m test` gives it) and a summary; the output of each stays in build/cpython/MODULE.log.
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


# Why a test case fails that is not a matter of fork: (what its id matches, what it says, reason). The first that fits counts.
FORK = "fork"
KNOWN = [
    (r"test_openpty|test_pty|_pty\b|_pty_", "(?i)No such file|ptmx|out of pty|^(?!.*Errno 38)", "no pseudo-terminals (/dev/ptmx)"),
    (r"UDPLITE", r"Errno 93", "no UDP-Lite (newer versions of Linux drop it, too)"),
    (r"testGetServBy|testGetaddrinfo|test_getservby|service_name", "", "on Linux too: no /etc/services in the root (package netbase)"),
    (r"FindLibraryLinux", "", "on Linux too: no compiler and no binutils in the root"),
    (r"test_sysconfig", "", "on Linux too: no Makefile and pyconfig.h in the root (package libpython3.11-dev)"),
    (r"", r"Errno 38|_ssock", FORK),
]
WHOLE = {
    "test_thread": "fork (the test waits for ever for the thread whose os.fork() failed)",
}


def reasons(name, output):
    """Reason of each failed test case, from the tracebacks in the log."""
    found = {}
    for block in re.split(r"^={70}\n", output.replace("\r", ""), flags=re.M)[1:]:
        match = re.match(r"(?:ERROR|FAIL): (\S+(?: \(\S+\))?)", block)
        if not match:
            continue
        block = re.split(r"^Ran \d+ tests?", block, flags=re.M)[0]
        said = [line for line in block.splitlines() if re.match(r"[A-Za-z_.]*(Error|Exception|Failure)\b", line)]
        fits = (reason for test, says, reason in KNOWN if re.search(test, name + " " + match[1]) and re.search(says, block))
        found.setdefault(match[1], next(fits, "not explained: " + (said[-1] if said else "?")[:120]))
    if not found and "Errno 38" in output:
        found["the module"] = FORK
    return found


def report(options):
    """The results as a page of the documentation."""
    results = json.loads(pathlib.Path(options.out).read_text())
    good = [name for name, r in results.items() if r["result"] in ("ok", "skipped")]
    rows, only_fork, cases = [], [], 0
    for name, result in sorted(results.items()):
        if name in good:
            continue
        log = TOP / "build/cpython" / f"{name}.log"
        why = reasons(name, log.read_text(errors="replace") if log.exists() else "")
        cases += len(why)
        counts = {}
        for reason in why.values():
            counts[reason] = counts.get(reason, 0) + 1
        if name in WHOLE:
            rows.append(f"| {name} | {result['result']} | {WHOLE[name]} |")
        elif result["result"] == "timeout":
            rows.append(f"| {name} | timeout | not finished within the time limit; see below |")
        elif set(counts) == {FORK}:
            only_fork.append(f"{name} ({counts[FORK]})")
        else:
            text = "; ".join(f"{n} {reason}".replace("|", "\\|") for reason, n in sorted(counts.items()))
            rows.append(f"| {name} | {result['result']} | {text or 'see its log'} |")
    total = len(results)
    text = f"""# CPython's own tests

Debian's python3.11 with libpython3.11-testsuite, unmodified, one virtual machine for each module (QEMU virt, TCG on x86). Written
by `tests/cpython.py --report` on {time.strftime('%Y-%m-%d')} from the results of `tests/cpython.py -j 2 --cpus N --timeout S [MODULE...]`.

| | modules |
| --- | --- |
| run | {total} |
| pass | {len(good)} |
| fail, and all failing cases need fork | {len(only_fork)} |
| fail or do not finish, other reasons | {len(rows)} |

{cases} test cases fail in all. "fork" means: the case starts another process (subprocess, os.fork, multiprocessing), which
gets ENOSYS, as Samara has threads only.

## Fail for fork alone (number of cases)

{", ".join(only_fork)}

## Other reasons

| module | result | failing cases and why |
| --- | --- | --- |
""" + "".join(row + chr(10) for row in rows)
    if options.notes and pathlib.Path(options.notes).exists():
        text += chr(10) + pathlib.Path(options.notes).read_text()
    pathlib.Path(options.report).write_text(text)
    return 0


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
    parser.add_argument("--report", metavar="FILE", help="write the results so far as Markdown and run nothing")
    parser.add_argument("--notes", metavar="FILE", help="append this Markdown to the report")
    options = parser.parse_args()
    if options.report:
        return report(options)
    (TOP / "build/cpython").mkdir(parents=True, exist_ok=True)
    results = json.loads(pathlib.Path(options.out).read_text()) if options.module and pathlib.Path(options.out).exists() else {}
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

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian packages are installed as Debian does it, and what every Debian has runs in Samara.

First a package of our own, whose scripts do what Debian's do (users, owners, alternatives, a trigger), is put on the base; then
programs of Debian's run in a machine and say what they say on Linux. The last line is "packages-check: ok" or "FAILED".
"""
import os
import re
import stat
import subprocess
import sys
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(REPO, "tools"))
sys.dont_write_bytecode = True

from samara import apt, install, packages, paths, ports, progress, sandbox  # noqa: E402
from samara.errors import Failure  # noqa: E402

ARCH = os.environ.get("ARCH", "arm64")
PORT = ports.by_name(ARCH)
problems = []

CONTROL = "Package: {name}\nVersion: 1\nArchitecture: {arch}\nMaintainer: Nobody <nobody@example.org>\nDescription: a test\n"
GOOD = """#!/bin/sh
set -e
[ "$1" = configure ]
[ "$(uname -m)" = %s ]
groupadd --system probers
useradd --system --gid probers --home-dir /var/lib/probe --shell /usr/sbin/nologin prober
install -d -o prober -g probers -m 2750 /var/lib/probe
update-alternatives --install /usr/bin/probing probing /usr/share/probe/file 10
invoke-rc.d probe start
if [ "$(ls /sys/class/net)" != lo ]; then exit 1; fi
echo "$(id -un) $(dpkg-query -W -f '${Status}' libc6)" >/var/lib/probe/said
"""
BAD = "#!/bin/sh\necho the reason >&2\nexit 7\n"
SERVICE = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: probe\n### END INIT INFO\ntouch /started\n"


def check(condition, text, output=""):
    print(f"{'ok  ' if condition else 'FAIL'} {text}", flush=True)
    if not condition:
        problems.append(text)
        print(output)


def make_package(folder, name, script):
    """A .deb in `folder`, and its path."""
    root = os.path.join(folder, name)
    for path, text in (("DEBIAN/control", CONTROL.format(name=name, arch=PORT.debian)), ("DEBIAN/postinst", script),
                       ("DEBIAN/triggers", "activate-noawait ldconfig\n"), ("usr/share/probe/file", "x"), ("usr/share/doc/probe/README", "x"),
                       ("etc/init.d/probe", SERVICE), ("usr/lib/tmpfiles.d/probe.conf", "d /run/probe 0711\n")):
        place = os.path.join(root, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="ascii") as handle:
            handle.write(text)
        os.chmod(place, 0o755 if "postinst" in path or "init.d" in path else 0o644)
    path = os.path.join(folder, name + ".deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, path], check=True, capture_output=True)
    return path


def install_own(folder, maker, name, script):
    """A copy of the base with our package in it."""
    tree, archive = os.path.join(folder, name + ".tree"), make_package(folder, name, script)
    install.copy(maker.base(), tree)
    installer = install.Installer(tree, PORT, maker.how, lambda *_: archive, os.path.join(folder, name + ".log"), maker.progress)
    installer.install([("Inst", name, "1"), ("Conf", name, "")])
    install.finish(tree, PORT)
    return tree


def check_installing(folder):
    how, _ = sandbox.way(PORT)
    maker = packages.Installed(apt.Apt(PORT.debian), PORT, how, progress.Progress())
    tree = install_own(folder, maker, "probe-good", GOOD % PORT.platform)

    def inside(path):
        return os.path.join(tree, path)

    with open(inside("etc/passwd"), encoding="utf-8") as handle:
        users = {line.split(":")[0]: line.rstrip().split(":") for line in handle}
    status = os.stat(inside("var/lib/probe"))
    check("prober" in users and status.st_uid == int(users["prober"][2]) and stat.S_IMODE(status.st_mode) == 0o2750, "user, owner, mode", str(users))
    check(os.readlink(inside("etc/alternatives/probing")) == "/usr/share/probe/file", "alternative")
    with open(inside("var/lib/probe/said"), encoding="utf-8") as handle:
        check(handle.read() == "root install ok installed\n", "the script ran, dpkg's database is there")
    gone = [path for path in ("started", "usr/sbin/policy-rc.d", "usr/share/doc/probe/README") if os.path.lexists(inside(path))]
    check(not gone and os.listdir(inside("dev")) == [] and os.listdir(inside("proc")) == [], "nothing started, nothing left", str(gone))
    check(stat.S_IMODE(os.stat(inside("run/probe")).st_mode) == 0o711, "directories of tmpfiles.d")
    base = maker.base()
    check(not os.path.exists(os.path.join(base, "var/lib/probe")) and "prober" not in open(os.path.join(base, "etc/passwd"), encoding="utf-8").read(),
          "the base is as it was")
    missing = [path for path in ("bin/sh", "etc/ld.so.cache", "etc/shadow", "usr/bin/env", "var/lib/dpkg/status", "etc/os-release", "run/lock")
               if not os.path.lexists(os.path.join(base, path))]
    check(not missing and stat.S_IMODE(os.stat(os.path.join(base, "tmp")).st_mode) == 0o1777, "what every Debian has", str(missing))
    try:
        install_own(folder, maker, "probe-bad", BAD)
        check(False, "a script that fails is told")
    except Failure as failure:
        check("probe-bad cannot be installed" in str(failure) and "exit status 7" in str(failure) and "the reason" in str(failure),
              "a script that fails is told", str(failure))


def run(names, *words, options=()):
    """(exit status, output) of a program of the packages."""
    command = [os.path.join(REPO, "samara"), "run", "--arch", ARCH, "--quiet", "--timeout", "300", *options]
    for name in names:
        command += ["--package", name]
    done = subprocess.run([*command, "--", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    return done.returncode, done.stdout


OFFLINE = ("--net", "none")
USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]


def check_programs():
    names = ["libcap2-bin", "util-linux", "coreutils", "login"]
    for words, wanted in (([*USER, "id"], "uid=1000 gid=1000 groups=1000\n"),
                          ([*USER, "cat", "/etc/shadow"], None),
                          (["setpriv", "--reuid=www-data", "--init-groups", "--regid=www-data", "--inh-caps=-all", "--bounding-set=-all", "capsh",
                            "--has-b=cap_chown"], "cap[cap_chown] not in bounding vector\n"),
                          (["stat", "-c", "%U %G %a", "/etc/shadow"], "root shadow 640\n"),
                          (["sh", "-c", "umask 027; echo x >/tmp/f; read -r l </tmp/f; exec stat -c \"$l %a\" /tmp/f"], "x 640\n")):
        status, said = run(names, *words, options=OFFLINE)
        if wanted is None:
            check(status == 1 and "Permission denied" in said, " ".join(words) + " is refused", said)
        else:
            check(said == wanted, " ".join(words), said)
    status, said = run(names, "capsh", "--print", options=OFFLINE)
    check(status == 0 and said.startswith("Current: =ep\nBounding set =cap_chown,") and "\nAmbient set =\n" in said
          and "uid=0(root) euid=0(root)\n" in said, "capsh --print", said)
    status, said = run(["musl"], "sh", options=OFFLINE)
    check(status == 125 and "there is no sh in " in said, "what nobody needs is not there", said)
    status, said = run(names, "lscpu", options=(*OFFLINE, "--cpus", "2"))
    check(status == 0 and re.search(r"^CPU\(s\): +2$", said, re.MULTILINE), "lscpu", said)
    status, said = run(names, "lsblk", options=(*OFFLINE, "--root-disk"))
    check(status == 0 and "vda" in said and " disk " in said, "lsblk", said)


def main():
    how, why = sandbox.way(PORT)
    if not how:
        print(f"packages-check: left out, as packages' scripts cannot run here: {why}\npackages-check: ok")
        return 0
    with tempfile.TemporaryDirectory(prefix="samara-packages-") as folder, paths.plain_umask():
        os.chmod(folder, 0o755)
        check_installing(folder)
    check_programs()
    print(f"packages-check: {len(problems)} FAILED" if problems else "packages-check: ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""Debian packages installed as dpkg installs them: their scripts and triggers run, owners and modes are theirs, dpkg's
database is there.

It begins with a base: the packages that every Debian has (marked Essential or required, with what they need: a shell, users, the
usual tools), made once for an architecture. A set of packages is then installed in a copy of it, in the order that apt gives. Files
are unpacked by this machine's dpkg (quick), scripts run in a sandbox (sandbox.py) with the tree's own programs, where services
are not started. As in Debian's images for containers, manuals and translations are left out.

In the end what nobody needs is taken out again (leave_out): of the base a machine keeps its users, its settings and a shell, and all of it if
there are shell scripts among the commands, as Debian lets packages use Essential ones without saying so. It would be 70 MB of memory.

Debian's own way is debootstrap or mmdebstrap; they make each tree from nothing, which takes a minute under emulation.
"""
import contextlib
import glob
import os
import re
import shutil
import subprocess

from . import paths, postinst, rootfs, sandbox
from .errors import Failure

# apt takes itself for essential; usr-is-merged: the tree begins merged, so nothing is needed to merge it.
ESSENTIAL = ["?and(?or(?essential, ?priority(required)), ?not(?exact-name(apt)))", "usr-is-merged"]

LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"]
KEPT = ["/usr/share/doc/*/copyright"]
SHELL = ["base-files", "base-passwd", "dash"]  # what is kept of the base in any case
SKELETON = {"base-files", "base-passwd"}  # directories and users, without the programs that they depend on
COMMANDS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/")
SHELLS = re.compile(rb"#! *(/usr)?/bin/(env +)?(ba|da)?sh\b")

DPKG_OPTIONS = ["--force-unsafe-io", "--force-confdef", "--force-confold"]
# The machine's dpkg may be another architecture's, and what must be configured first is apt's to say.
UNPACK_OPTIONS = [*DPKG_OPTIONS, "--force-architecture", "--force-depends", *(f"--path-exclude={path}" for path in LEFT_OUT),
                  *(f"--path-include={path}" for path in KEPT)]
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "TERM": "dumb",
               "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true", "SYSTEMD_OFFLINE": "1"}
NO_SERVICES = "#!/bin/sh\nexit 101\n"  # policy-rc.d: "action forbidden"


class Installer:
    """Installs in `tree`. archive(package, version): the path of a .deb. log: a file for what dpkg and the scripts say."""

    def __init__(self, tree, port, how, archive, log, progress):
        self.tree, self.port, self.how, self.archive, self.log, self.progress = tree, port, how, archive, log, progress

    def install(self, steps):
        """steps: [(action, package, version)] of apt.steps(), all of them."""
        self.run_in_sandbox(lambda: self.carry_out(steps))

    def bootstrap(self, steps):
        """Make the base in an empty tree: without a shell no script can run, so files come first, by themselves."""
        rootfs.skeleton(self.tree, self.port)
        archives = [self.archive(package, version) for action, package, version in steps if action == "Inst"]
        for index, archive in enumerate(archives):
            self.progress.count("unpack", index, len(archives), " " + os.path.basename(archive).split("_")[0])
            unpack(archive, self.tree, True)
        # All of it is essential, and depends on each other in circles: unpack it all, then let dpkg find the order.
        self.run_in_sandbox(lambda: self.carry_out([step for step in steps if step[0] == "Inst"]))

    def run_in_sandbox(self, work):
        for name, text in rootfs.FILES.items():
            if name in ("etc/hosts", "etc/hostname") and not os.path.lexists(os.path.join(self.tree, name)):
                paths.write_file(os.path.join(self.tree, name), text)
        policy = os.path.join(self.tree, "usr/sbin/policy-rc.d")
        own_policy = os.path.lexists(policy)
        if not own_policy:
            paths.write_file(policy, NO_SERVICES)
            os.chmod(policy, 0o755)
        failed = sandbox.run(work, self.port, self.how, self.tree)
        if failed:
            raise Failure(failed)
        if not own_policy:
            os.unlink(policy)
        os.unlink(self.log)

    # -- inside the sandbox ---------------------------------------------------------------------------------------------

    def carry_out(self, steps):
        self.total, self.done = len(steps), 0
        index = 0
        while index < len(steps):
            end = index
            while end < len(steps) and steps[end][0] == steps[index][0]:
                end += 1
            self.carry_out_group(steps[index][0], steps[index:end])
            index = end
        self.dpkg("--configure", "--pending")

    def carry_out_group(self, action, group):
        names = [package for _, package, _ in group]
        if action == "Inst":
            archives = [self.archive(package, version) for _, package, version in group]
            self.execute([paths.find_tool("dpkg", "dpkg"), f"--root={self.tree}", *UNPACK_OPTIONS, "--no-triggers", "--unpack", *archives], "unpack")
        elif action == "Conf":
            self.dpkg("--no-triggers", "--configure", *names)
        else:
            self.dpkg("--force-depends", "--purge", *names)

    def dpkg(self, *words):
        """The tree's own dpkg."""
        self.execute([paths.find_tool("chroot", "coreutils"), self.tree, "dpkg", *DPKG_OPTIONS, *words], "configure")

    def execute(self, command, what):
        with open(self.log, "a", encoding="utf-8") as log, \
                subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, errors="replace") as child:
            said = []
            for line in child.stdout:
                log.write(line)
                said.append(line.rstrip())
                match = re.match(r"(?:Unpacking|Setting up|Processing triggers for) (\S+)", line)
                if match:
                    self.done += 1
                    self.progress.count(what, self.done, max(self.done, self.total), " " + match.group(1))
        if child.returncode:
            raise Failure(explain(said, self.log))


def explain(lines, log):
    """One sentence from what dpkg said when it failed."""
    for index, line in enumerate(lines):
        match = re.match(r"dpkg: error processing (?:package|archive) (\S+)", line)
        if not match:
            continue
        name = os.path.basename(match.group(1)).split("_")[0]
        reason = lines[index + 1].strip() if index + 1 < len(lines) else "no reason given"
        spoken = [text for text in lines[:index] if text and not re.match(r"(?:Setting up|Unpacking|Preparing|\(Reading|Selecting)", text)]
        hint = f' ("{spoken[-1].strip()}")' if spoken else ""
        return f"{name} cannot be installed: {reason}{hint}; all that was said is in {log}"
    return f"dpkg failed: {lines[-1] if lines else 'no message'}; all that was said is in {log}"


def unpack(archive, directory, keep_owners):
    """Unpack one .deb. Not `dpkg-deb -x`: it replaces the links of the merged /usr (lib -> usr/lib) by directories."""
    owners = ["--same-owner", "--numeric-owner"] if keep_owners else ["--no-same-owner"]
    with subprocess.Popen([paths.find_tool("dpkg-deb", "dpkg"), "--fsys-tarfile", archive],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
        done = subprocess.run([paths.find_tool("tar", "tar"), "-x", "-p", "-C", directory, "--keep-directory-symlink", *owners,
                               "--warning=no-timestamp", *(f"--exclude=.{path}" for path in LEFT_OUT)],
                              stdin=source.stdout, capture_output=True, text=True, check=False)
    if done.returncode or source.returncode:
        raise Failure(f"cannot unpack {archive} ({done.stderr.strip() or 'damaged archive'}); delete it and try again")


def copy(tree, destination):
    """A copy that shares nothing: scripts may write into files in place."""
    done = subprocess.run([paths.find_tool("cp", "coreutils"), "-a", "--reflink=auto", "-T", tree, destination], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"cannot copy {tree}: {done.stderr.strip()}")


def lists(tree):
    """{package: [path]} of dpkg's database; deeper paths come first."""
    found = {}
    for path in glob.glob(os.path.join(glob.escape(tree), "var/lib/dpkg/info/*.list")):
        with open(path, encoding="utf-8") as handle:
            found[os.path.basename(path)[:-len(".list")].split(":")[0]] = sorted(handle.read().splitlines(), reverse=True)
    return found


def has_scripts(tree, packages):
    """Is a command of these packages a shell script?"""
    for package, names in lists(tree).items():
        for name in names if package in packages else ():
            host = rootfs.lookup(tree, name) if os.path.dirname(name) + "/" in COMMANDS else None
            if host and os.path.isfile(host):
                with open(host, "rb") as handle:
                    if SHELLS.match(handle.read(64)):
                        return True
    return False


def leave_out(tree, kept):
    """Remove the files of all packages that are not in `kept`, and what dpkg says of them. What scripts have made stays."""
    owned = lists(tree)
    stays = {name for package, names in owned.items() if package in kept for name in names}
    gone = {name for package, names in owned.items() if package not in kept for name in names} - stays - {"/."}
    for name in sorted(gone, reverse=True):
        # Links of directories are followed inside the tree only.
        folder = rootfs.lookup(tree, os.path.dirname(name))
        path = os.path.join(folder, os.path.basename(name)) if folder else tree
        leads_to = rootfs.lookup(tree, name)
        if os.path.islink(path) and leads_to and os.path.isdir(leads_to):
            continue  # /bin of a merged /usr, which others use
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        elif os.path.isdir(path) and path != tree:
            with contextlib.suppress(OSError):  # others have something there
                os.rmdir(path)
    for path in glob.glob(os.path.join(glob.escape(tree), "var/lib/dpkg/info/*")):
        if os.path.basename(path).rsplit(".", 1)[0].split(":")[0] not in kept | {"format"}:
            os.unlink(path)
    status = os.path.join(tree, "var/lib/dpkg/status")
    with open(status, encoding="utf-8") as handle:
        entries = handle.read().split("\n\n")
    paths.write_file(status, "\n\n".join(text for text in entries if text.partition("\n")[0].removeprefix("Package: ") in kept) + "\n\n")


def finish(tree, port):
    """What is made when a Debian boots, not when it is installed; and what is of no use in an image."""
    for pattern in ("var/cache/apt/*.bin", "var/cache/debconf/*-old", "var/lib/dpkg/*-old", "var/log/dpkg.log",
                    "var/log/alternatives.log", "tmp/*", "var/tmp/*"):
        for path in glob.glob(os.path.join(glob.escape(tree), pattern)):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    rootfs.default_files(tree)
    postinst.make_boot_directories(tree)
    rootfs.write_musl_path(tree, port)

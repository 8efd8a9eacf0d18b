# SPDX-License-Identifier: MIT
"""Debian packages as a directory tree.

A tree is kept below roots/ in the cache under a name made from the exact versions of all packages in it. Which versions
belong to a list of names is remembered too (until the package lists are fetched anew), so that a second run asks nobody.
"""
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

from . import install, paths, ports, rootfs, sandbox
from .apt import Apt
from .errors import Failure
from .progress import Progress, megabytes

NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?([=/][A-Za-z0-9.+:~-]+)?")


def digest(value):
    """A short stable key of anything that json can write."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]


def code_digest(*modules):
    """A key of the code that fills a tree: another version of it makes another tree."""
    content = b""
    for module in modules or ("packages.py", "install.py", "rootfs.py", "postinst.py"):
        with open(os.path.join(os.path.dirname(__file__), module), "rb") as handle:
            content += handle.read()
    return hashlib.sha256(content).hexdigest()


def check_names(names):
    for name in names:
        if not NAME.fullmatch(name):
            raise Failure(f"'{name}' cannot be the name of a Debian package; names look like python3-minimal")


def remembered(apt, what, ask, progress):
    """ask(), which resolves packages with apt's lock held; from memory if the package lists have not changed since."""
    memory = os.path.join(paths.cache_dir("roots"), f"resolved-{digest([apt.arch, what])}.json")
    try:
        stamp = os.stat(apt.stamp).st_mtime_ns
        with open(memory, encoding="utf-8") as handle:
            known = json.load(handle)
        if known["stamp"] == stamp:
            return [tuple(step) for step in known["steps"]]
    except (OSError, ValueError, KeyError):
        pass
    with paths.locked(apt.lock):
        apt.update(progress)
        steps = ask()
        stamp = os.stat(apt.stamp).st_mtime_ns
    if not steps:
        raise Failure("apt-get found nothing to unpack; run `samara update` and try again")
    paths.write_file(memory, json.dumps({"stamp": stamp, "steps": steps}))
    return steps


def tree_of(names, port=ports.DEFAULT):
    """(directory that holds `names` with all they depend on and what they use of every Debian; whether its owners are true). Made if
    it is not there yet."""
    check_names(names)
    names = sorted(set(names))
    apt = Apt(port.debian)
    how, why_not = sandbox.way(port)
    with Progress() as progress:
        if how:
            return Installed(apt, port, how, progress).tree_of(names), True
        return unpacked_tree(sorted(with_shell(apt, names, progress)), apt, port, progress, why_not), False


def files_of(name, port):
    """The directory that holds the files of one package and of what it depends on, no more: to take a library from."""
    with Progress() as progress:
        return unpacked_tree([name], Apt(port.debian), port, progress)


def entry(key, make):
    """The tree `key` of the cache. make(temporary) fills it, in a directory beside it that then gets the name in one step."""
    roots = paths.cache_dir("roots")
    tree = os.path.join(roots, key)
    if os.path.isdir(tree):
        return tree
    with paths.locked_entry(roots, key):
        if not os.path.isdir(tree):
            temporary = f"{tree}.{os.getpid()}.tmp"
            try:
                make(temporary)
                os.chmod(temporary, 0o755)
                os.rename(temporary, tree)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            paths.sweep(roots)
    return tree


class Installed:
    """Trees made by dpkg and the packages' scripts (install.py)."""

    def __init__(self, apt, port, how, progress):
        self.apt, self.port, self.how, self.progress = apt, port, how, progress

    def installer(self, tree):
        log = re.sub(r"\.\d+\.tmp$", ".log", tree)
        paths.write_file(log, "")
        return install.Installer(tree, self.port, self.how, self.apt.archive, log, self.progress)

    def base(self):
        """The tree of every Debian's packages."""
        apt = self.apt
        steps = remembered(apt, "base", lambda: apt.steps(install.ESSENTIAL), self.progress)

        def make(temporary):
            self.download(install.ESSENTIAL, None)
            check_room([apt.archive(package, version) for action, package, version in steps if action == "Inst"])
            self.installer(temporary).bootstrap(steps)

        return entry(digest(["base", steps, self.port.debian, code_digest("install.py")]), make)

    def tree_of(self, names):
        apt = self.apt
        needed = with_shell(apt, names, self.progress)  # a wrong name is told before the base is made
        base = self.base()
        status = os.path.join(base, "var/lib/dpkg/status")
        self.progress.show("resolving " + " ".join(names))
        # Packages of the base alone leave nothing to do: a step that does nothing stands for them.
        steps = remembered(apt, [os.path.basename(base), names], lambda: apt.steps(names, status) or [("None", "", "")], self.progress)
        steps = [step for step in steps if step[0] != "None"]

        def make(temporary):
            self.download(names, status)
            check_room([apt.archive(package, version) for action, package, version in steps if action == "Inst"])
            install.copy(base, temporary)
            if steps:
                self.installer(temporary).install(steps)
            new = {package for action, package, _ in steps if action == "Inst"}
            if "libc6" not in needed or not install.has_scripts(temporary, new):
                install.leave_out(temporary, needed | install.SKELETON)
            install.finish(temporary, self.port)

        return entry(digest(["installed", steps, sorted(needed), os.path.basename(base), code_digest()]), make)

    def download(self, names, status):
        with paths.locked(self.apt.lock):
            self.apt.configure()
            self.apt.download(names, self.progress, status)


def with_shell(apt, names, progress):
    """All packages that `names` take, and a shell's where it costs little: where there is the C library that it is linked with."""
    def all_of(some):
        return {package for _, package, _ in remembered(apt, some, lambda: apt.steps(some), progress)}

    needed = all_of(names)
    return needed | all_of(install.SHELL) if "libc6" in needed else needed


def unpacked_tree(names, apt, port, progress, why_not=None):
    """A tree whose packages are unpacked only: for users who are not root, and machines that cannot run what is in it (why_not says)."""
    packages = [(package, version) for _, package, version in
                remembered(apt, names, lambda: [step for step in apt.steps(names) if step[0] == "Inst"], progress)]

    def make(temporary):
        if why_not:
            print(f"samara: the packages' own scripts are not run: {why_not}; what is known of them is done instead", file=sys.stderr)
        with paths.locked(apt.lock):
            apt.configure()
            apt.download(names, progress)
        archives = [apt.archive(package, version) for package, version in packages]
        check_room(archives)
        rootfs.skeleton(temporary, port)
        scripts = []
        for index, archive in enumerate(archives):
            package = os.path.basename(archive).split("_")[0]
            progress.count("unpack", index, len(archives), " " + package)
            install.unpack(archive, temporary, False)
            scripts.append((package, postinst(archive)))
        progress.show("configuring the root")
        rootfs.finish(temporary, scripts, port)

    return entry(digest([packages, port.debian, code_digest()]), make)


def check_room(archives):
    """Failure when there is no room for what is in the archives."""
    folder = paths.cache_dir("roots")
    need = 4 * sum(os.stat(archive).st_size for archive in archives)
    room = os.statvfs(folder)
    if need + 256_000_000 > room.f_bavail * room.f_frsize:
        raise Failure(f"unpacking needs about {megabytes(need + 256_000_000)} MB in {folder}; make room, or set "
                      "SAMARA_CACHE to another directory")


def postinst(archive):
    """The text of the package's postinst script, "" when it has none."""
    done = subprocess.run([paths.find_tool("dpkg-deb", "dpkg"), "--ctrl-tarfile", archive], capture_output=True, check=False)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as control:
        for member in control:
            if os.path.basename(member.name) == "postinst" and member.isfile():
                return control.extractfile(member).read().decode("utf-8", "replace")
    return ""

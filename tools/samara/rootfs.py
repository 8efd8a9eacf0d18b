# SPDX-License-Identifier: MIT
"""A directory tree as the root of a machine: its skeleton, what packages' scripts would have made, looking things up.

Where packages can only be unpacked, not installed (install.py), their maintainer scripts do not run. finish() does the part
of their work that programs depend on: user and group files, name service configuration, alternatives (awk, lua, ...),
compiled Python modules, certificates, musl's library path, and what postinst.py knows.
"""
import os
import shlex
import shutil
import subprocess
import sys

from . import paths, ports, postinst

SEARCH_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

DIRECTORIES = ["dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr/bin", "usr/lib",
               "usr/local/bin", "usr/local/lib", "usr/sbin", "usr/share", "var/cache", "var/lib", "var/log", "var/spool",
               "var/tmp"]
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "sbin": "usr/sbin", "var/run": "/run", "var/lock": "/run/lock",
         "etc/mtab": "/proc/mounts"}

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
www-data:x:33:
staff:x:50:
users:x:100:
nogroup:x:65534:
"""
FILES = {
    "etc/passwd": PASSWD,
    "etc/group": GROUP,
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
                         "protocols: files\nservices: files\nethers: files\nrpc: files\n",
    "etc/hosts": "127.0.0.1 localhost samara\n::1 localhost ip6-localhost ip6-loopback\n",
    "etc/hostname": "samara\n",
    "etc/host.conf": "multi on\n",
}


def skeleton(tree, port=ports.DEFAULT):
    """Make the directories and links that unpacking relies on (merged /usr)."""
    for name in DIRECTORIES + (["usr/lib64"] if port.lib64 else []):
        os.makedirs(os.path.join(tree, name), exist_ok=True)
    for name, target in {**LINKS, **({"lib64": "usr/lib64"} if port.lib64 else {})}.items():
        if not os.path.lexists(os.path.join(tree, name)):
            os.symlink(target, os.path.join(tree, name))
    for name, mode in (("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700)):
        os.chmod(os.path.join(tree, name), mode)


def default_files(tree):
    """Write the files of FILES that are not there yet; Debian's own lists of users where they are."""
    for name, master in (("etc/passwd", "passwd.master"), ("etc/group", "group.master")):
        source = os.path.join(tree, "usr/share/base-passwd", master)
        if os.path.exists(source) and not os.path.exists(os.path.join(tree, name)):
            with open(source, encoding="utf-8") as handle:
                text = handle.read().replace(":*:", ":x:")
            paths.write_file(os.path.join(tree, name), text)
    for name, text in FILES.items():
        if not os.path.lexists(os.path.join(tree, name)):
            paths.write_file(os.path.join(tree, name), text)


def finish(tree, scripts, port=ports.DEFAULT):
    """After unpacking: what the maintainer scripts, [(package, text of postinst)], and triggers would have done."""
    default_files(tree)
    apply_alternatives(tree, [entry for _, text in scripts for entry in parse_alternatives(text)])
    postinst.configure(tree, scripts)
    compile_python(tree)
    make_certificates(tree)
    write_musl_path(tree, port)


def write_musl_path(tree, port):
    musl_path = os.path.join(tree, f"etc/ld-musl-{port.platform}.path")
    if os.path.lexists(os.path.join(tree, f"lib/ld-musl-{port.platform}.so.1")) and not os.path.lexists(musl_path):
        paths.write_file(musl_path, port.musl_path)


# -- alternatives -----------------------------------------------------------------------------------------------------

def parse_alternatives(script):
    """[(priority, [(link, target), ...])] of the update-alternatives --install commands in a postinst.

    A command whose words depend on shell variables is skipped."""
    found = []
    for line in script.replace("\\\n", " ").splitlines():
        line = line.strip()
        if "update-alternatives" not in line or "--install" not in line or line.startswith("#"):
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        entry = parse_install(words)
        if entry:
            found.append(entry)
    return found


def parse_install(words):
    """One command: --install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]..."""
    links, priority, index = [], None, 0
    while index < len(words):
        if words[index] == "--install" and index + 4 < len(words):
            links.append((words[index + 1], words[index + 3]))
            priority = words[index + 4]
            index += 5
        elif words[index] == "--slave" and index + 3 < len(words):
            links.append((words[index + 1], words[index + 3]))
            index += 4
        else:
            index += 1
    if not links or not priority.lstrip("-").isdigit() or any("$" in part for link in links for part in link):
        return None
    return int(priority), links


def apply_alternatives(tree, entries):
    """Make the links, those of higher priority first; what exists stays."""
    for _, links in sorted(entries, key=lambda entry: -entry[0]):
        for link, target in links:
            place = os.path.join(tree, link.lstrip("/"))
            if os.path.lexists(place) or not lookup(tree, target):
                continue
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.symlink(target, place)


# -- Python and certificates ------------------------------------------------------------------------------------------

def compile_python(tree):
    """Compile the standard library, as python3-minimal's script does; without it each start compiles anew.

    .pyc files depend on Python's version only, not on the machine's architecture. They are not checked against their
    sources at run time: the root is read-only below its overlay."""
    library = f"usr/lib/python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [folder for folder in (library, "usr/lib/python3/dist-packages") if os.path.isdir(os.path.join(tree, folder))]
    if library not in folders:
        return
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash",
                    "-s", tree, "-p", "/", "-x", "/(test|tests|lib2to3)/", *folders],
                   cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def make_certificates(tree):
    """The bundle that update-ca-certificates makes, and the name under which OpenSSL looks for it."""
    source = os.path.join(tree, "usr/share/ca-certificates")
    bundle = os.path.join(tree, "etc/ssl/certs/ca-certificates.crt")
    if not os.path.isdir(source) or os.path.exists(bundle):
        return
    texts = []
    for folder, _, names in sorted(os.walk(source)):
        for name in sorted(names):
            if name.endswith(".crt"):
                with open(os.path.join(folder, name), encoding="utf-8") as handle:
                    texts.append(handle.read().rstrip("\n") + "\n")
    os.makedirs(os.path.dirname(bundle), exist_ok=True)
    paths.write_file(bundle, "".join(texts))
    link = os.path.join(tree, "usr/lib/ssl/cert.pem")
    if not os.path.lexists(link):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink("/etc/ssl/certs/ca-certificates.crt", link)


# -- looking things up inside a tree ----------------------------------------------------------------------------------

def lookup(tree, path):
    """The host path of `path` inside `tree`, symbolic links followed inside it; None when there is no such file."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    place, hops = [], 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            place = place[:-1]
            continue
        here = os.path.join(tree, *place, part)
        if os.path.islink(here):
            hops += 1
            if hops > 40:
                return None
            target = os.readlink(here)
            if target.startswith("/"):
                place = []
            parts = [step for step in target.split("/") if step not in ("", ".")] + parts
        elif os.path.lexists(here):
            place.append(part)
        else:
            return None
    return os.path.join(tree, *place)


def find_command(tree, name):
    """The path, inside `tree`, of the command `name` in the default PATH; None when there is none."""
    for folder in SEARCH_PATH:
        host = lookup(tree, f"{folder}/{name}")
        if host and os.path.isfile(host) and os.access(host, os.X_OK):
            return f"{folder}/{name}"
    return None


def clone(source, destination):
    """Copy a tree onto another one; files are shared (hard links) where the file system allows it.

    A directory of `source` may meet a link to a directory in `destination` (merged /usr): the link stays."""
    os.makedirs(destination, exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            target = os.path.join(destination, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if os.path.islink(target) and not os.path.isdir(target):
                    os.unlink(target)
                resolved = os.path.realpath(target) if os.path.islink(target) else target
                clone(entry.path, resolved)
                if resolved == target:
                    copy_attributes(entry, target)
                continue
            if os.path.lexists(target) and not os.path.isdir(target):
                os.unlink(target)
            copy_file(entry.path, target)


def copy_attributes(entry, target):
    """Mode, times and, for root, the owner of a directory. (Owners of files come with the hard link.)"""
    if os.geteuid() == 0:
        status = entry.stat(follow_symlinks=False)
        os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(entry.path, target)


def copy_file(source, target):
    """One file or symbolic link; devices, sockets and fifos of the host are left out."""
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    elif os.path.isfile(source):
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

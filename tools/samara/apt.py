# SPDX-License-Identifier: MIT
"""A private apt: Debian's archive for another machine without touching this machine's apt and dpkg configuration.

apt-get runs with a configuration of its own (APT_CONFIG) whose state, cache and dpkg status lie in the cache
directory. Only two things are taken over from the machine: the Acquire:: settings (proxies, time limits) and the Debian
sources, so that a configured mirror is used. Sources of others (vendors' repositories) are left out, and of Debian's
only the component main is used. The dpkg status is empty: a resolved set of packages is always complete.

Layout below the state directory:  apt.conf  sources.list  status  lists/  archives/  lock  updated
"""
import os
import re
import subprocess
import urllib.parse

from . import paths
from .errors import Failure
from .progress import megabytes

DEFAULT_SOURCES = """\
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
"""

# Options of a one-line source that are kept; arch= and the like would lead back to this machine's architecture.
KEPT_OPTIONS = ("signed-by", "trusted", "check-valid-until")


def parse_one_line(text):
    """Sources of a sources.list file: dicts with uri, suite, components, options."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match:
            words = [word.split("=", 1) for word in (match.group(1) or "").split() if "=" in word]
            options = {name.lower(): value for name, value in words}
            found.append({"uri": match.group(2), "suite": match.group(3),
                          "components": match.group(4).split(), "options": options})
    return found


def parse_deb822(text):
    """Sources of a .sources file, in the form of parse_one_line."""
    found = []
    for stanza in re.split(r"\n\s*\n", "\n".join(
            line for line in text.splitlines() if not line.startswith("#"))):
        fields, last = {}, None
        for line in stanza.splitlines():
            if line[:1] in " \t" and last:
                fields[last] += "\n" + line.strip()
            elif ":" in line:
                last, value = line.split(":", 1)
                last = last.strip().lower()
                fields[last] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        signed = fields.get("signed-by", "")
        options = {"signed-by": signed} if signed.startswith("/") else {}
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                found.append({"uri": uri, "suite": suite,
                              "components": fields.get("components", "").split(), "options": options})
    return found


def debian_sources(sources):
    """The lines of a sources.list with the Debian sources among `sources`."""
    lines = []
    for source in sources:
        segments = urllib.parse.urlparse(source["uri"]).path.split("/")
        signed = source["options"].get("signed-by", "")
        is_debian = ({"debian", "debian-security"} & set(segments)) or "debian-archive" in signed
        if not is_debian or "main" not in source["components"]:
            continue
        options = " ".join(f"{name}={value}" for name, value in sorted(source["options"].items())
                           if name in KEPT_OPTIONS)
        line = f"deb {'[' + options + '] ' if options else ''}{source['uri']} {source['suite']} main"
        if line not in lines:
            lines.append(line)
    return lines


def host_sources(etc="/etc/apt"):
    """The sources that this machine has, of both formats."""
    files = [os.path.join(etc, "sources.list")]
    parts = os.path.join(etc, "sources.list.d")
    if os.path.isdir(parts):
        files += sorted(os.path.join(parts, name) for name in os.listdir(parts))
    found = []
    for path in files:
        try:
            with open(path, encoding="utf-8") as handle:
                text = handle.read()
        except OSError:
            continue
        if path.endswith(".list"):
            found += parse_one_line(text)
        elif path.endswith(".sources"):
            found += parse_deb822(text)
    return found


class Apt:
    """The private apt of one architecture. Every method may raise Failure."""

    def __init__(self, arch="arm64", state=None):
        self.arch = arch
        self.state = state or paths.cache_dir("apt-" + arch)
        self.archives = os.path.join(self.state, "archives")
        self.lock = os.path.join(self.state, "lock")
        self.stamp = os.path.join(self.state, "updated")

    # -- configuration ------------------------------------------------------------------------------------------

    def configure(self):
        """Write the configuration. Cheap, and done anew each time, so a changed mirror is followed."""
        for name in ("lists/partial", "archives/partial", "empty"):
            os.makedirs(os.path.join(self.state, name), exist_ok=True)
        sources = "\n".join(debian_sources(host_sources())) + "\n"
        paths.write_file(os.path.join(self.state, "sources.list"),
                         sources if sources.strip() else DEFAULT_SOURCES)
        paths.write_file(os.path.join(self.state, "status"), "")
        paths.write_file(os.path.join(self.state, "apt.conf"), self.configuration(host_acquire_settings()))

    def configuration(self, acquire):
        """The text of apt.conf. `acquire` are the machine's own Acquire:: lines."""
        empty = os.path.join(self.state, "empty")
        settings = {
            "APT::Architecture": self.arch,
            "APT::Install-Recommends": "false",
            "APT::Get::Assume-Yes": "true",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::State": self.state,
            "Dir::State::lists": os.path.join(self.state, "lists"),
            "Dir::State::status": os.path.join(self.state, "status"),
            "Dir::Cache": self.state,
            "Dir::Cache::archives": self.archives,
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": empty,
            "Dir::Etc::sourcelist": os.path.join(self.state, "sources.list"),
            "Dir::Etc::sourceparts": empty,
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": empty,
            "Dir::Log": self.state,
            "Dpkg::Use-Pty": "false",
        }
        lines = [f'{name} "{value}";' for name, value in settings.items()]
        lines += ["#clear APT::Architectures;", f'APT::Architectures {{ "{self.arch}"; }};']
        return "\n".join(acquire + lines) + "\n"

    def command(self, *words):
        return [paths.find_tool("apt-get", "apt"), *words]

    def environment(self):
        return {**os.environ, "APT_CONFIG": os.path.join(self.state, "apt.conf"), "LC_ALL": "C.UTF-8",
                "DEBIAN_FRONTEND": "noninteractive"}

    def run(self, *words, cwd=None):
        """Run apt-get; its standard output. Failure with apt's own first error otherwise."""
        done = subprocess.run(self.command(*words), env=self.environment(), cwd=cwd, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            raise Failure(explain(done.stderr + done.stdout, self.arch))
        return done.stdout

    # -- what is done with it -----------------------------------------------------------------------------------

    def update(self, progress, again=False):
        """Fetch the package lists once (or `again`). Call with the lock held."""
        self.configure()
        if os.path.exists(self.stamp) and not again:
            return
        progress.show("fetching the package lists of Debian " + self.arch)
        self.run("update", "-q")
        if not any(name.endswith("_Packages") or "_Packages." in name
                   for name in os.listdir(os.path.join(self.state, "lists"))):
            raise Failure("the package lists could not be fetched; check the network and /etc/apt/sources.list")
        paths.write_file(self.stamp, "")

    # `status` below: dpkg's database of the tree that the packages come to; none: an empty tree.

    def resolve(self, names):
        """[(package, version)] of `names` and all they depend on, in an order in which they can be unpacked."""
        return [(package, version) for action, package, version in self.steps(names) if action == "Inst"]

    def steps(self, names, status=None):
        """[(action, package, version)] that install `names` and all they depend on: "Inst" unpacks, "Conf" configures, "Remv" removes."""
        output = self.run("install", "-s", "-q", "--no-install-recommends", *tree_options(status), *names)
        found = re.findall(r"^(?:(Inst) (\S+) (?:\[\S+\] )?\((\S+)|(Conf|Remv) (\S+))", output, re.MULTILINE)
        return [(first or second, package or other, version) for first, package, version, second, other in found]

    def uris(self, names, status=None):
        """{file name: size} of what is still to be downloaded for `names`."""
        output = self.run("install", "-q", "--print-uris", "--no-install-recommends", *tree_options(status), *names)
        return {name: int(size) for name, size in re.findall(r"^'[^']*' (\S+\.deb) (\d+)", output, re.MULTILINE)}

    def download(self, names, progress, status=None):
        """Download `names` and all they depend on into self.archives, where they stay. Call with the lock held."""
        missing = self.uris(names, status)
        if missing:
            self.watch(self.command("install", "-q", "--download-only", "--no-install-recommends", *tree_options(status), *names),
                       missing, self.archives, progress)

    def download_only(self, names, directory, progress):
        """Download exactly `names` into `directory` (an archive that is there already is kept)."""
        output = self.run("download", "--print-uris", *names)
        sizes = {name: int(size) for name, size in re.findall(r"^'[^']*' (\S+\.deb) (\d+)", output, re.MULTILINE)}
        todo = {name: size for name, size in sizes.items()
                if not os.path.exists(os.path.join(directory, name))}
        if todo:
            self.watch(self.command("download", "-q", *names), todo, directory, progress)
        return [os.path.join(directory, name) for name in sizes]

    def watch(self, command, sizes, directory, progress):
        """Run a download and show how far it is, by the sizes of the files that grow in `directory`."""
        total = sum(sizes.values())
        free = os.statvfs(directory).f_bavail * os.statvfs(directory).f_frsize
        if total + 64_000_000 > free:
            raise Failure(f"the packages need {megabytes(total)} MB, and {directory} has {megabytes(free)} MB free; "
                          "set SAMARA_CACHE to a directory with more room")
        with subprocess.Popen(command, env=self.environment(), cwd=directory, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            while True:
                try:
                    output = child.communicate(timeout=0.2)[0]
                    break
                except subprocess.TimeoutExpired:
                    done = sum(size_of(directory, name) for name in sizes)
                    progress.count("download", megabytes(done), megabytes(total), " MB")
        if child.returncode:
            raise Failure(explain(output, self.arch))

    def archive(self, package, version):
        """The file that download() left for one package, which it may have named with an encoded epoch."""
        wanted = f"{package.split(':')[0]}_{version.replace(':', '%3a')}_"
        for name in os.listdir(self.archives):
            if name.startswith(wanted) and name.endswith(".deb"):
                return os.path.join(self.archives, name)
        raise Failure(f"{package} {version} was not downloaded; run `samara update` and try again")


def tree_options(status):
    return ["-o", f"Dir::State::status={status}"] if status else []


def size_of(directory, name):
    """Size of a download, whether complete or still in partial/."""
    for path in (os.path.join(directory, name), os.path.join(directory, "partial", name)):
        try:
            return os.stat(path).st_size
        except OSError:
            pass
    return 0


def host_acquire_settings():
    """The machine's Acquire:: configuration (proxies and the like) as lines of an apt.conf."""
    done = subprocess.run([paths.find_tool("apt-config", "apt"), "dump"], text=True, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)
    return [line for line in done.stdout.splitlines()
            if line.startswith("Acquire::") and "IndexTargets" not in line and "Languages" not in line
            and "Changelogs" not in line]


def explain(output, arch):
    """One sentence from what apt-get printed when it failed."""
    unknown = re.findall(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate", output)
    if unknown:
        name = next(part for part in unknown[0] if part)
        return f"Debian has no {arch} package called {name}; check its name with `apt-cache search`, or run `samara update`"
    if re.search(r"404 +Not Found", output):
        return "the mirror no longer has a package of the lists fetched before; run `samara update` and try again"
    errors = re.findall(r"^(?:E|Err\S*|W): *(.*)", output, re.MULTILINE)
    return "apt-get failed: " + (errors[0] if errors else output.strip()[-300:] or "no message")

# SPDX-License-Identifier: MIT
"""What the maintainer scripts of Debian packages would have done to a tree, where they cannot run (install.py runs them where
it has root and a way to start the tree's programs), and what a Debian makes at each boot.

What they do that a program needs falls in two parts. Most of it is declared in a form that can be read: users and groups
(adduser commands), directories (tmpfiles.d, the *Directory= lines of systemd units), links (update-alternatives, in rootfs.py;
dh_nginx's pairs). The rest is a table, PACKAGES: a row for a package, its function a few lines of what the script does. COMMANDS
says what a package's service runs, in the form for a machine with one process, when `samara run` is given no program.

Owners are not kept here: the image belongs to root, as which the program starts.
"""
import os
import re
import shlex
import shutil

from . import paths

FIRST_SYSTEM_ID = 100


def configure(tree, scripts):
    """After unpacking; `scripts`: [(package, text of its postinst)]."""
    for package, text in scripts:
        for line in commands(text):
            add_account(tree, line)
        link_nginx_modules(tree, text)
        if package in PACKAGES:
            PACKAGES[package](tree)
    make_boot_directories(tree)


def make_boot_directories(tree):
    """What a Debian makes anew at each boot."""
    make_tmpfiles(tree)
    make_unit_directories(tree)
    for mark, folders in START_DIRECTORIES.items():
        if os.path.exists(os.path.join(tree, mark)):
            for folder in folders:
                make_directory(tree, folder)


# -- users and groups -------------------------------------------------------------------------------------------------

def commands(script):
    """The words of the script's commands that make accounts, variables set by plain assignments put in."""
    script = re.sub(r"\s*\\\n\s*", " ", script)
    values = {}
    found = []
    for line in script.splitlines():
        match = re.fullmatch(r"\s*([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"`$]*\"|'[^']*'|[^\s;\"'`$()]*|\"?\$\{?[A-Za-z_][A-Za-z0-9_]*\}?\"?)\s*;?\s*", line)
        if match:
            values[match.group(1)] = substitute(match.group(2).strip("\"'"), values)
        match = re.search(r"\b(adduser|addgroup|useradd|groupadd)\s+-.*", line)
        if not match or line.lstrip().startswith("#"):
            continue
        text = re.split(r"\|\||&&|[;>|]", match.group(0))[0]
        try:
            words = shlex.split(substitute(text, values))
        except ValueError:
            continue
        if not any("$" in word or "`" in word for word in words):
            found.append(words)
    return found


def substitute(text, values):
    return re.sub(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", lambda match: values.get(match.group(1), match.group(0)), text)


WITH_VALUE = {"--home", "--gecos", "--shell", "--ingroup", "--uid", "--gid", "--comment", "--firstuid", "--lastuid", "--home-dir",
              "-d", "-g", "-s", "-c", "-u", "-G"}


def add_account(tree, words):
    """One adduser, addgroup, useradd or groupadd."""
    options, names, index = {}, [], 1
    while index < len(words):
        name, equals, value = words[index].partition("=")
        if name == "--gid" and words[0] == "adduser":
            name = "--ingroup"
        if name in WITH_VALUE and not equals:
            index += 1
            value = words[index] if index < len(words) else ""
        if name.startswith("-"):
            options[name] = value
        else:
            names.append(words[index])
        index += 1
    if len(names) != 1:
        return  # adduser USER GROUP: membership
    name = names[0]
    if words[0] in ("addgroup", "groupadd"):
        group_id(tree, name)
        return
    own_group = "--group" in options or words[0] == "useradd"
    group = options.get("--ingroup") or options.get("-g") or (name if own_group else "nogroup")
    home = options.get("--home") or options.get("--home-dir") or options.get("-d") or "/nonexistent"
    number = group_id(tree, group)
    lines = read_lines(tree, "etc/passwd")
    if any(line.startswith(name + ":") for line in lines):
        return
    used = {int(line.split(":")[2]) for line in lines}
    uid = next(free for free in range(FIRST_SYSTEM_ID, 65534) if free not in used)
    comment = (options.get("--gecos") or options.get("--comment") or options.get("-c") or "").replace(":", " ").replace("\n", " ")
    shell = options.get("--shell") or options.get("-s") or "/usr/sbin/nologin"
    write_lines(tree, "etc/passwd", lines + [f"{name}:x:{uid}:{number}:{comment}:{home}:{shell}"])
    if "--no-create-home" not in options and not home.startswith("/nonexistent"):
        make_directory(tree, home)


def group_id(tree, name):
    """The number of a group, made if it is not there."""
    lines = read_lines(tree, "etc/group")
    for line in lines:
        fields = line.split(":")
        if name in (fields[0], fields[2]):
            return int(fields[2])
    used = {int(line.split(":")[2]) for line in lines}
    number = next(free for free in range(FIRST_SYSTEM_ID, 65534) if free not in used)
    write_lines(tree, "etc/group", lines + [f"{name}:x:{number}:"])
    return number


def read_lines(tree, name):
    with open(os.path.join(tree, name), encoding="utf-8") as handle:
        return [line for line in handle.read().splitlines() if line.count(":") >= 3]


def write_lines(tree, name, lines):
    paths.write_file(os.path.join(tree, name), "\n".join(lines) + "\n")


# -- directories and links ----------------------------------------------------------------------------------------------

def inside(tree, path):
    """The host path of `path`, of which parts may be missing; links on the way are followed inside the tree. None: leads nowhere."""
    from .rootfs import lookup
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return None
    for count in range(len(parts), -1, -1):
        known = lookup(tree, "/".join(parts[:count]))
        if known:
            return os.path.join(known, *parts[count:])
    return None


def make_directory(tree, path, mode=0o755):
    place = inside(tree, path)
    if place and not os.path.lexists(place):
        os.makedirs(place)
        os.chmod(place, mode)


def make_link(tree, path, target):
    place = inside(tree, os.path.dirname(path))
    if place and os.path.isdir(place) and not os.path.lexists(os.path.join(place, os.path.basename(path))):
        os.symlink(target, os.path.join(place, os.path.basename(path)))


def make_file(tree, path, mode=0o644):
    place = inside(tree, path)
    if place and os.path.isdir(os.path.dirname(place)) and not os.path.lexists(place):
        paths.write_file(place, "")
        os.chmod(place, mode)


def files_in(tree, folder, ending):
    place = inside(tree, folder)
    names = sorted(os.listdir(place)) if place and os.path.isdir(place) else []
    for name in names:
        if name.endswith(ending) and os.path.isfile(os.path.join(place, name)):
            with open(os.path.join(place, name), encoding="utf-8", errors="replace") as handle:
                yield handle.read()


def make_tmpfiles(tree):
    """tmpfiles.d(5): directories, empty files and links that are made at each boot of a Debian."""
    for text in files_in(tree, "usr/lib/tmpfiles.d", ".conf"):
        for line in text.splitlines():
            words = line.split()
            if len(words) < 2 or words[0].startswith("#") or "%" in words[1] or any(char in words[1] for char in "*?["):
                continue
            kind = words[0].rstrip("!-=~^$")
            mode = int(words[2].lstrip("~:"), 8) if len(words) > 2 and re.fullmatch(r"[~:]?[0-7]+", words[2]) else None
            if kind in ("d", "D"):
                make_directory(tree, words[1], mode or 0o755)
            elif kind in ("f", "F", "f+"):
                make_file(tree, words[1], mode or 0o644)
            elif kind in ("L", "L+") and len(words) == 7:
                make_link(tree, words[1], words[6])


UNIT_DIRECTORY = re.compile(r"^(Runtime|State|Cache|Logs|Configuration)Directory=(.*)$", re.MULTILINE)
UNIT_PARENTS = {"Runtime": "/run", "State": "/var/lib", "Cache": "/var/cache", "Logs": "/var/log", "Configuration": "/etc"}


def make_unit_directories(tree):
    """What systemd makes for a service before it starts (systemd.exec(5))."""
    for text in files_in(tree, "usr/lib/systemd/system", ".service"):
        for kind, names in UNIT_DIRECTORY.findall(text):
            for name in names.split():
                if "%" not in name:
                    make_directory(tree, f"{UNIT_PARENTS[kind]}/{name.split(':')[0]}")


def link_nginx_modules(tree, script):
    """dh_nginx writes `for confpair in AVAILABLE:ENABLED ...` into the scripts of nginx' modules."""
    match = re.search(r"^for confpair in (.*?)\s*;", script, re.MULTILINE)
    for pair in match.group(1).split() if match else []:
        source, _, name = pair.partition(":")
        make_link(tree, f"/etc/nginx/modules-enabled/{name}", f"/usr/share/nginx/modules-available/{source}")


# -- the table ----------------------------------------------------------------------------------------------------------

def nginx(tree):
    """The default site is enabled and has a page; the log files exist."""
    make_link(tree, "/etc/nginx/sites-enabled/default", "/etc/nginx/sites-available/default")
    make_directory(tree, "/var/www/html")
    page, source = inside(tree, "/var/www/html/index.nginx-debian.html"), inside(tree, "/usr/share/nginx/html/index.html")
    if source and os.path.isfile(source) and not os.path.exists(page):
        shutil.copyfile(source, page)
    for name in ("access", "error"):
        make_file(tree, f"/var/log/nginx/{name}.log")


def redis(tree):
    for path, mode in (("/var/log/redis", 0o2750), ("/var/lib/redis", 0o750), ("/etc/redis", 0o2770)):
        make_directory(tree, path, mode)


def postgresql(tree):
    for path, mode in (("/var/lib/postgresql", 0o755), ("/var/log/postgresql", 0o1775), ("/run/postgresql", 0o2775),
                       ("/etc/postgresql-common", 0o755)):
        make_directory(tree, path, mode)


def lighttpd(tree):
    make_directory(tree, "/var/log/lighttpd", 0o750)
    make_directory(tree, "/var/cache/lighttpd/uploads")
    make_directory(tree, "/var/www/html")


PACKAGES = {"nginx-common": nginx, "redis-tools": redis, "postgresql-common": postgresql, "lighttpd": lighttpd}

NGINX = ["nginx", "-g", "daemon off; master_process off;"]
COMMANDS = {
    "nginx": NGINX, "nginx-light": NGINX, "nginx-core": NGINX, "nginx-full": NGINX, "nginx-extras": NGINX,
    "redis-server": ["redis-server", "/etc/redis/redis.conf", "--daemonize", "no", "--bind", "0.0.0.0", "::", "--protected-mode", "no",
                     "--logfile", "", "--save", "", "--ignore-warnings", "ARM64-COW-BUG"],
    "memcached": ["memcached", "-u", "memcache", "-l", "0.0.0.0", "-p", "11211"],
    "lighttpd": ["lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf"],
    "iperf3": ["iperf3", "-s"],
    "apache2": ["apache2", "-X"],
}

# What a service's start script makes and exports (apache2ctl, /etc/apache2/envvars): directories that end with the machine, and
# variables for the program of that name.
START_DIRECTORIES = {"etc/apache2/envvars": ["/run/apache2", "/run/lock/apache2"]}
ENVIRONMENT = {"apache2": {"APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data", "APACHE_PID_FILE": "/var/run/apache2/apache2.pid",
                           "APACHE_RUN_DIR": "/var/run/apache2", "APACHE_LOCK_DIR": "/var/lock/apache2", "APACHE_LOG_DIR": "/var/log/apache2",
                           "LANG": "C"}}


def environment(program, packages):
    """The variables that `program`'s package sets for it, as the package's start script does. packages: those asked for."""
    return ENVIRONMENT.get(os.path.basename(program), {}) if packages else {}


def default_command(packages):
    """What the last of `packages` that has a service runs, or None."""
    for package in reversed(packages):
        if package in COMMANDS:
            return COMMANDS[package]
    return None

# SPDX-License-Identifier: MIT
"""What maintainer scripts would have made, from texts as Debian's packages have them."""
import os
import unittest

from support import CacheCase

from samara import cli, postinst, rootfs

MEMCACHED = """\
GROUP="memcache"
USER="memcache"
DATADIR="/nonexistent"
    if ! getent group $GROUP >/dev/null ; then
            addgroup --system $GROUP >/dev/null
    fi
            adduser \\
              --system \\
              --disabled-login \\
              --ingroup $GROUP \\
              --home $DATADIR \\
              --no-create-home \\
              --gecos "Memcached" \\
              --shell /bin/false \\
              $USER  >/dev/null
"""
REDIS = """\
USER="redis"
GROUP="$USER"
	adduser \\
		--system \\
		--home /var/lib/redis \\
		--quiet \\
		--group \\
		${USER} || true
"""


class Postinst(CacheCase):
    def setUp(self):
        super().setUp()
        self.tree = os.path.join(self.folder, "tree")
        rootfs.skeleton(self.tree)
        rootfs.default_files(self.tree)

    def passwd(self, name):
        with open(os.path.join(self.tree, "etc/passwd"), encoding="utf-8") as handle:
            return [line.split(":") for line in handle.read().splitlines() if line.startswith(name + ":")]

    def test_accounts(self):
        postinst.configure(self.tree, [("memcached", MEMCACHED), ("redis-tools", REDIS), ("again", MEMCACHED)])
        memcache, redis = self.passwd("memcache"), self.passwd("redis")
        self.assertEqual((len(memcache), memcache[0][4:]), (1, ["Memcached", "/nonexistent", "/bin/false"]))
        self.assertEqual(redis[0][5], "/var/lib/redis")
        self.assertNotEqual(memcache[0][2], redis[0][2])
        with open(os.path.join(self.tree, "etc/group"), encoding="utf-8") as handle:
            groups = {line.split(":")[2]: line.split(":")[0] for line in handle.read().splitlines()}
        self.assertEqual((groups[memcache[0][3]], groups[redis[0][3]]), ("memcache", "redis"))
        self.assertTrue(os.path.isdir(os.path.join(self.tree, "var/lib/redis")))

    def test_odd_scripts(self):
        for script in ("adduser --system $(cat name)", "adduser --home", "adduser user group", "adduser --system 'a", "addgroup --gid"):
            postinst.configure(self.tree, [("odd", script)])
        self.assertEqual(self.passwd("user"), [])

    def test_declared_directories(self):
        self.write("tree/usr/lib/tmpfiles.d/a.conf", "# no\nd /run/a 2755 a a -\nd /run/%u 0755\nD /../../up 0755\nr! /etc/x\n"
                                                     "f /run/a/file 0600\nL /run/link - - - - /target\n")
        self.write("tree/usr/lib/systemd/system/b.service", "[Service]\nStateDirectory=b b/c\nRuntimeDirectory=%i\n")
        postinst.configure(self.tree, [])
        inside = os.path.join(self.tree, "run")
        self.assertEqual(os.stat(os.path.join(inside, "a")).st_mode & 0o7777, 0o2755)
        self.assertTrue(os.path.isfile(os.path.join(inside, "a/file")))
        self.assertEqual(os.readlink(os.path.join(inside, "link")), "/target")
        self.assertTrue(os.path.isdir(os.path.join(self.tree, "var/lib/b/c")))
        self.assertEqual(os.listdir(self.folder).count("up"), 0)
        self.assertEqual(sorted(os.listdir(inside)), ["a", "link"])

    def test_nginx(self):
        for name in ("etc/nginx/sites-enabled", "etc/nginx/modules-enabled", "var/log/nginx"):
            os.makedirs(os.path.join(self.tree, name))
        self.write("tree/etc/nginx/sites-available/default", "server {}")
        self.write("tree/usr/share/nginx/html/index.html", "page")
        postinst.configure(self.tree, [("nginx-common", ""), ("echo", "for confpair in mod-a.conf:50-mod-a.conf  ; do\n")])
        self.assertEqual(os.readlink(os.path.join(self.tree, "etc/nginx/sites-enabled/default")), "/etc/nginx/sites-available/default")
        self.assertTrue(os.path.isfile(os.path.join(self.tree, "var/www/html/index.nginx-debian.html")))
        self.assertEqual(os.readlink(os.path.join(self.tree, "etc/nginx/modules-enabled/50-mod-a.conf")),
                         "/usr/share/nginx/modules-available/mod-a.conf")

    def test_default_command(self):
        options = cli.parse_run(["--package", "nginx-light", "--publish", "8080:80"])
        self.assertEqual((options.program, options.arguments[0]), ("nginx", "-g"))
        self.assertIsNone(postinst.default_command(["python3-minimal"]))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
import threading
import unittest

from support import CacheCase, make_elf
from samara import image, rootfs
from samara.errors import Failure

HAS_EROFS = shutil.which("mkfs.erofs") and shutil.which("fsck.erofs")


@unittest.skipUnless(HAS_EROFS, "no erofs-utils here")
class Building(CacheCase):
    def extract(self, path):
        out = os.path.join(self.folder, "out")
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run(["fsck.erofs", f"--extract={out}", path], check=True, capture_output=True)
        return out

    def test_program_alone(self):
        host = self.write("hello", make_elf(kind=2), 0o600)
        out = self.extract(image.Image([], {"/app/hello": host}).build())
        self.assertEqual(os.stat(os.path.join(out, "app/hello")).st_mode & 0o777, 0o711)
        self.assertEqual(os.stat(host).st_mode & 0o777, 0o600)
        self.assertEqual(os.readlink(os.path.join(out, "lib")), "usr/lib")
        self.assertTrue(os.path.isdir(os.path.join(out, "proc")))
        with open(os.path.join(out, "etc/passwd"), encoding="ascii") as handle:
            self.assertIn("nobody", handle.read())

    def test_cache(self):
        host = self.write("hello", make_elf(kind=2), 0o755)
        first = image.Image([], {"/app/hello": host}).build()
        before = os.stat(first).st_ino
        self.assertEqual(image.Image([], {"/app/hello": host}).build(), first)
        self.assertEqual(os.stat(first).st_ino, before)
        self.write("hello", make_elf(kind=2) + b"x", 0o755)
        self.assertNotEqual(image.Image([], {"/app/hello": host}).build(), first)

    def test_layers_files_and_volumes(self):
        rootfs.skeleton(os.path.join(self.folder, "base"))
        self.write("base/usr/lib/x", "base")
        self.write("base/usr/lib/y", "base")
        self.write("over/lib/x", "over")
        self.write("data/sub/z", "data")
        self.write("library", make_elf())
        layers = [(os.path.join(self.folder, name), name) for name in ("base", "over")]
        out = self.extract(image.Image(layers, {"/lib/aarch64-linux-gnu/l.so": os.path.join(self.folder, "library")},
                                       [(os.path.join(self.folder, "data"), "/srv/data")]).build())
        for name, text in (("usr/lib/x", "over"), ("usr/lib/y", "base"), ("srv/data/sub/z", "data")):
            with open(os.path.join(out, name), encoding="ascii") as handle:
                self.assertEqual(handle.read(), text)
        self.assertTrue(os.path.exists(os.path.join(out, "usr/lib/aarch64-linux-gnu/l.so")))
        self.assertTrue(os.path.islink(os.path.join(out, "lib")))
        with open(os.path.join(self.folder, "base/usr/lib/x"), encoding="ascii") as handle:
            self.assertEqual(handle.read(), "base")

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_owners(self):
        rootfs.skeleton(os.path.join(self.folder, "tree"))
        os.makedirs(os.path.join(self.folder, "tree/var/lib/own"))
        path = self.write("tree/var/lib/own/file", "x")
        os.chown(os.path.dirname(path), 33, 34)
        os.chown(path, 35, 36)
        layer = [(os.path.join(self.folder, "tree"), "key")]
        self.write("data/a", "1")
        for volumes in ([], [(os.path.join(self.folder, "data"), "/data")]):
            for has_owners, owners in ((True, [(33, 34), (35, 36)]), (False, [(0, 0), (0, 0)])):
                out = self.extract(image.Image(layer, {}, volumes, has_owners).build())
                status = [os.stat(os.path.join(out, "var/lib/own", name)) for name in (".", "file")]
                self.assertEqual([(one.st_uid, one.st_gid) for one in status], owners)

    def test_many_at_once(self):
        host = self.write("hello", make_elf(kind=2), 0o755)
        found = []
        threads = [threading.Thread(target=lambda: found.append(image.Image([], {"/app/hello": host}).build()))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(found)), 1)
        left = [name for name in os.listdir(os.path.dirname(found[0])) if not name.startswith("lock-")]
        self.assertEqual(left, [os.path.basename(found[0])])

    def test_volume_changes_the_key(self):
        self.write("data/a", "1")
        volume = [(os.path.join(self.folder, "data"), "/d")]
        first = image.Image([], {}, volume).key()
        self.write("data/b", "2")
        self.assertNotEqual(image.Image([], {}, volume).key(), first)

    def test_own_image(self):
        self.write("tree/usr/bin/x", make_elf(kind=2), 0o755)
        path = os.path.join(self.folder, "own.erofs")
        subprocess.run(["mkfs.erofs", "--quiet", path, os.path.join(self.folder, "tree")], check=True, capture_output=True)
        image.check_foreign(path)
        tree, _ = image.extract(path)
        self.assertEqual(rootfs.find_command(tree, "x"), "/usr/bin/x")


class Foreign(CacheCase):
    def test_sentences(self):
        for content, message in ((b"", "no EROFS"), (b"hsqs" + b"\0" * 2000, "squashfs"), (b"\x1f\x8b" + b"\0" * 99, "archive"),
                                 (b"\0" * 1080 + b"\x53\xef" + b"\0" * 999, "ext2")):
            with self.assertRaisesRegex(Failure, message):
                image.check_foreign(self.write("image", content))
        with self.assertRaisesRegex(Failure, "No such file"):
            image.check_foreign("/nonexistent")


class Rootfs(CacheCase):
    def test_lookup_stays_inside(self):
        rootfs.skeleton(self.folder)
        self.write("usr/bin/tool", "x", 0o755)
        os.symlink("/bin/tool", os.path.join(self.folder, "usr/bin/link"))
        os.symlink("../../../../etc/../usr/bin/tool", os.path.join(self.folder, "usr/bin/up"))
        os.symlink("loop", os.path.join(self.folder, "usr/bin/loop"))
        real = os.path.join(self.folder, "usr/bin/tool")
        for path in ("/bin/tool", "/usr/bin/link", "bin/up", "/bin/../bin/./tool"):
            self.assertEqual(rootfs.lookup(self.folder, path), real)
        for path in ("/bin/loop", "/bin/none", "/etc/passwd"):
            self.assertIsNone(rootfs.lookup(self.folder, path))
        self.assertEqual(rootfs.find_command(self.folder, "link"), "/usr/bin/link")
        self.assertIsNone(rootfs.find_command(self.folder, "bin"))

    def test_alternatives(self):
        script = """
        update-alternatives --quiet --install /usr/bin/awk awk /usr/bin/gawk 10 \\
            --slave /usr/bin/nawk nawk /usr/bin/gawk
        # update-alternatives --install /usr/bin/no no /usr/bin/gawk 1
        update-alternatives --install /usr/bin/$x x /usr/bin/gawk 1
        """
        self.assertEqual(rootfs.parse_alternatives(script),
                         [(10, [("/usr/bin/awk", "/usr/bin/gawk"), ("/usr/bin/nawk", "/usr/bin/gawk")])])
        rootfs.skeleton(self.folder)
        self.write("usr/bin/gawk", "x")
        self.write("usr/bin/mawk", "x")
        rootfs.apply_alternatives(self.folder, [(5, [("/usr/bin/awk", "/usr/bin/mawk")]),
                                                *rootfs.parse_alternatives(script),
                                                (1, [("/usr/bin/no", "/usr/bin/none")])])
        self.assertEqual(os.readlink(os.path.join(self.folder, "usr/bin/awk")), "/usr/bin/gawk")
        self.assertFalse(os.path.lexists(os.path.join(self.folder, "usr/bin/no")))


if __name__ == "__main__":
    unittest.main()

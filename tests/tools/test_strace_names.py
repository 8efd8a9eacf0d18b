# SPDX-License-Identifier: MIT
"""Constants that --strace names have the values of the C library's and Linux' headers here."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
HEADERS = """sys/types.h stdio.h fcntl.h sys/socket.h netinet/in.h netinet/tcp.h netinet/udp.h sys/epoll.h poll.h sys/eventfd.h
sys/timerfd.h sys/signalfd.h sys/inotify.h sys/mman.h sys/mount.h sys/file.h sys/xattr.h sys/prctl.h sys/resource.h sys/wait.h
sys/personality.h sys/ioctl.h sys/reboot.h net/if.h net/if_arp.h net/ethernet.h linux/netlink.h linux/capability.h linux/futex.h
linux/magic.h linux/openat2.h linux/if_packet.h linux/fs.h linux/fiemap.h linux/sockios.h linux/random.h linux/stat.h
linux/reboot.h linux/mempolicy.h sched.h signal.h time.h termios.h linux/memfd.h linux/close_range.h linux/falloc.h""".split()


class Names(unittest.TestCase):
    @unittest.skipUnless(sys.platform == "linux" and shutil.which("gcc"), "needs gcc and Linux' headers")
    def test_values(self):
        found = []
        for path in glob.glob(os.path.join(REPO, "linux", "strace-*.c")):
            with open(path, encoding="utf-8") as file:
                found += re.findall(r'\{ (0x[0-9a-fA-F]+|\d+)(?:ul)?, "([A-Z]\w+)" \}', file.read())
        self.assertGreater(len(found), 800)
        lines = ["#define _GNU_SOURCE"] + [f"#if __has_include(<{name}>)\n#include <{name}>\n#endif" for name in HEADERS]
        lines.append("int main(void)\n{")
        # Names that are enumerators there, or that these headers do not have yet, are left out.
        for value, name in found:
            lines.append(f"#ifdef {name}\n\tif ((unsigned)({name}) != (unsigned)({value}ull))\n\t\tputs(\"{name}\");\n#endif")
        with tempfile.TemporaryDirectory() as directory:
            program = os.path.join(directory, "names")
            with open(program + ".c", "w", encoding="utf-8") as file:
                file.write("\n".join(lines + ["}"]))
            subprocess.run(["gcc", "-w", "-o", program, program + ".c"], check=True)
            self.assertEqual(subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout, "")


if __name__ == "__main__":
    unittest.main()

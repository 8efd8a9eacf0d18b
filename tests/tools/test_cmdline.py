# SPDX-License-Identifier: MIT
import os
import unittest

import support  # noqa: F401
from samara import cmdline
from samara.errors import Failure


class Encoding(unittest.TestCase):
    def test_words(self):
        for word, encoded in (("plain", "plain"), ("", "%"), ("a b", "a%20b"), ("100%", "100%25"), ("%", "%25"),
                              ("\t\n", "%09%0A"), ("\x7f", "%7F"), ("é", "%C3%A9"), ("a=b,c\"'\\$", "a=b,c\"'\\$"),
                              (b"\xff\x00", "%FF%00")):
            self.assertEqual(cmdline.encode_word(word), encoded)

    def test_bytes_that_are_no_text_survive(self):
        self.assertEqual(cmdline.encode_word(os.fsdecode(b"\xff")), "%FF")

    def test_line(self):
        self.assertEqual(cmdline.encode(["quiet", "env=A=b c"], "/bin/x", ["--", "", "y"]),
                         "quiet env=A=b%20c -- /bin/x -- % y")

    def test_round_trip(self):
        options, words = ["cwd=/a b", "env=K=%41"], ["/bin/x", "", "--", "-c", "print('ü %\n')"]
        line = cmdline.encode(options, words[0], words[1:])
        self.assertEqual(cmdline.decode(line), (options, words))
        self.assertTrue(line.isascii() and line.isprintable())

    def test_too_long(self):
        with self.assertRaisesRegex(Failure, "room for"):
            cmdline.encode([], "/bin/x", ["a" * cmdline.LIMIT])


if __name__ == "__main__":
    unittest.main()

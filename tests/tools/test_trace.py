# SPDX-License-Identifier: MIT
"""Traces and profiles from a made-up stream of the kernel."""
import json
import os
import struct
import sys
import tempfile
import unittest
from xml.dom import minidom

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tools"))
from samara import bootchart, inspect, profile, trace  # noqa: E402
from samara.errors import Failure  # noqa: E402


def record(time, event, thread, a=0, b=0):
    return struct.pack("<QIIQQ", time, event, thread, a, b)


def stream(by_cpu, maps=""):
    data = struct.pack("<4I", trace.MAGIC, trace.VERSION, len(by_cpu), 32)
    for cpu, rows in enumerate(by_cpu):
        body = b"".join(rows)
        data += struct.pack("<IIQ", trace.RECORDS, cpu, len(body)) + body
        data += struct.pack("<IIQQ", trace.LOST, cpu, 8, 3)
    names = struct.pack("<I16s", 1, b"main")
    data += struct.pack("<IIQ", trace.THREADS, 0, len(names)) + names
    return data + struct.pack("<IIQ", trace.MAPS, 0, len(maps)) + maps.encode()


SIMPLE = [
    [record(1000, trace.SWITCH, 0, 9, 1), record(1500, trace.SYSCALL_BEGIN, 1, 64, 1), record(1600, trace.FAULT_BEGIN, 1, 0x4000, 1),
     record(1700, trace.FAULT_END, 1, 0x4000, 0), record(2000, trace.SWITCH, 1, 1 | trace.BLOCKED, 2)],
    [record(1900, trace.SWITCH, 3, 3, 1), record(2500, trace.SYSCALL_END, 1, 64, 2**64 - 11), record(2600, trace.SYSCALL_BEGIN, 1, 63)],
]


class Chrome(unittest.TestCase):
    def events(self):
        return trace.chrome(trace.parse(stream(SIMPLE)), {64: "write"})["traceEvents"]

    def test_every_slice_is_complete(self):
        for event in self.events():
            self.assertIn(event["ph"], "XiM")
            if event["ph"] == "X":
                self.assertGreaterEqual(event["dur"], 0)
                self.assertTrue(event["name"])

    def test_a_call_may_move_to_another_cpu(self):
        call = [event for event in self.events() if event["name"] == "write"]
        self.assertEqual([(event["ts"], event["dur"], event["args"]["result"]) for event in call], [(1.5, 1.0, -11)])

    def test_running_threads(self):
        ran = [event for event in self.events() if event["ph"] == "X" and event["pid"] == trace.PID_CPUS]
        self.assertEqual([(event["name"], event["tid"], event["dur"]) for event in ran], [("main", 0, 1.0)])

    def test_times_do_not_go_back(self):
        times = [event["ts"] for event in self.events() if "ts" in event]
        self.assertEqual(times, sorted(times))

    def test_open_slices_are_left_out(self):
        self.assertNotIn("call 63", [event["name"] for event in self.events()])

    def test_written_file_is_json(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "t.json")
            seen = trace.write_chrome(stream(SIMPLE), out, "/nonexistent")
            with open(out, encoding="utf-8") as file:
                self.assertTrue(json.load(file)["traceEvents"])
            self.assertEqual(sum(seen.lost.values()), 6)

    def test_bad_streams(self):
        for data in (b"", b"x" * 40, stream(SIMPLE)[:8]):
            with self.assertRaises(Failure):
                trace.parse(data)
        for length in range(16, len(stream(SIMPLE)), 7):
            trace.chrome(trace.parse(stream(SIMPLE)[:length]), {})


class Profile(unittest.TestCase):
    ROWS = [[record(1, trace.SAMPLE, 1, 0x1000, 3), record(1, trace.SAMPLE_MORE, 1, 0x2004, 0x3004), record(1, trace.SAMPLE_MORE, 1, 0x4004, 0),
             record(2, trace.SAMPLE, 1, 0x1000, 0)]]

    def test_stacks(self):
        found = list(profile.stacks(trace.parse(stream(self.ROWS))))
        self.assertEqual(found, [(1, [0x1000, 0x2004, 0x3004, 0x4004]), (1, [0x1000])])

    def test_folded(self):
        maps = "1000-2000 r-xp 00000000 00:00 0   [veneers]\n"
        counts = profile.fold(trace.parse(stream(self.ROWS, maps)), None, lambda path: None)
        self.assertEqual(counts, {"main;0x4000;0x3000;0x2000;[veneers]": 1, "main;[veneers]": 1})

    def test_flame_graph_is_xml(self):
        minidom.parseString(profile.flame({"main;a<b>;c & d": 5, "main;x_[k]": 3}, "t<i>tle"))


class Options(unittest.TestCase):
    def test_events_after_the_file(self):
        self.assertEqual(inspect.split_events("a.json"), ("a.json", None))
        self.assertEqual(inspect.split_events("a.json:switch,irq"), ("a.json", "switch,irq"))
        self.assertEqual(inspect.split_rate("p.svg:200"), ("p.svg", 200))

    def test_boot_chart(self):
        rows = bootchart.parse(["boot: entry  100 ns", "noise", "boot: total 100 ns"])
        self.assertEqual(rows, [("entry", 100)])
        minidom.parseString(bootchart.svg(rows, "instructions"))


if __name__ == "__main__":
    unittest.main()

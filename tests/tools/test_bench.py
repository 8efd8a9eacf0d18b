# SPDX-License-Identifier: MIT
"""What bench/ makes of the output of load generators, and the machines that it would start."""
import os
import sys
import tempfile
import unittest
from unittest import mock

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "bench"))
import loads  # noqa: E402
import machines  # noqa: E402
import servers  # noqa: E402

WRK = """\
Running 3s test @ http://10.77.0.2/1k
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    14.11ms   11.84ms 108.00ms   94.36%
    Req/Sec     2.33k   322.25     2.80k    73.33%
  Latency Distribution
     50%  980.00us
     75%   14.20ms
     90%    1.20s
     99%  108.00ms
  6963 requests in 3.01s, 8.66MB read
Requests/sec:   2315.21
Transfer/sec:      2.88MB
"""
REDIS = """\
"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"SET","11235.96","4.405","1.152","4.343","5.671","8.983","10.695"
"""
CASLAP = """\
Set Statistics (2 events)
   Log2 Dist:
       4:        0        0        2        0

Total Statistics (100 events)
   Min:        12
   Log2 Dist:
       4:        1        0       50       40
       8:        5        3        1        0

Run time: 1.3s Ops: 12000 TPS: 5550 Net_rate: 10.4M/s
"""
IPERF = '{"end": {"sum_received": {"bytes": 1000, "bits_per_second": 2500000.0}}}'


def printing(text):
    return mock.patch.object(loads, "output", return_value=text)


class Loads(unittest.TestCase):
    def test_wrk(self):
        with printing(WRK):
            result = loads.wrk("10.77.0.2", "/1k", 3)
        self.assertEqual(result, {"requests": 6963, "per_second": 2315.21, "latency_ms": {"50": 0.98, "90": 1200.0, "99": 108.0}})

    def test_wrk_errors(self):
        with printing(WRK + "  Non-2xx or 3xx responses: 7\n"), self.assertRaises(RuntimeError):
            loads.wrk("10.77.0.2", "/1k", 3)

    def test_redis(self):
        with printing(REDIS):
            result = loads.redis("10.77.0.2", "set", 1, 15000)
        self.assertEqual(result, {"requests": 15000, "per_second": 11235.96, "latency_ms": {"50": 4.343, "95": 5.671, "99": 8.983}})

    def test_memcaslap(self):
        with printing(CASLAP):
            result = loads.memcaslap("10.77.0.2", "file", 12000)
        self.assertEqual(result, {"requests": 12000, "per_second": 5550.0, "latency_ms": {"50": 0.064, "95": 0.256, "99": 0.512}})

    def test_iperf(self):
        with printing(IPERF):
            self.assertEqual(loads.iperf("10.77.0.2", 3, True), {"requests": 1000, "per_second": 2.5, "latency_ms": {}})
        with printing('{"error": "no route", "end": {}}'), self.assertRaises(RuntimeError):
            loads.iperf("10.77.0.2", 3, False)


class Machines(unittest.TestCase):
    def test_samara(self):
        with tempfile.NamedTemporaryFile() as root, mock.patch.object(machines.qemu.paths, "find_tool", return_value="qemu"):
            words = machines.samara("/tmp/x", root.name, ["/usr/bin/redis-server", "--save", ""], 2, ["A=b"], True)
        text = " ".join(words)
        self.assertIn("ip=10.77.0.2::10.77.0.1:255.255.255.0::eth0:off", text)
        self.assertIn("env=A=b -- /usr/bin/redis-server --save %", text)
        self.assertIn("ifname=tap0", text)
        self.assertIn("mac=" + machines.GUEST_MAC, text)

    def test_per_request(self):
        result = servers.per_request([(100, 1000)], [(200, 3000), (0, 500)], 100)
        self.assertEqual(result, {"total": 26.0, "upper_half": 25.0, "per_cpu": [21.0, 5.0], "requests": 100})

    def test_page(self):
        side = {"ready": {"seconds": 0.5, "instructions": 22e6, "memory_used": 6 << 20, "memory_taken": 25 << 20, "root_image": 1},
                "loads": {"redis SET": {"per_second": [10.0, 30.0, 20.0], "latency_ms": [{"50": 1.0, "95": 2.0, "99": 3.0}],
                                        "instructions": [{"total": 100.0}]}}}
        empty = {"per_second": [], "latency_ms": [], "instructions": []}
        side["loads"].update({name: empty for name in servers.SERVERS[0].loads if name != "redis SET"})
        other = dict(side, loads=dict(side["loads"], **{"redis SET": dict(side["loads"]["redis SET"], stalls=1)}))
        meta = {name: name for name in ("when", "commit", "host", "version", "machine", "cpu", "memory", "arguments", "repeats", "load")}
        text = servers.page({"samara": {"1": {"redis": side}}, "linux": {"1": {"redis": other}}}, meta)
        self.assertIn("| redis SET (1 stalled on Linux) | 20 | 20 | 1.0 | 100 | 100 | 1.0 | 1.0, 2.0, 3.0 |", text)
        self.assertIn("| redis | 22 | 22 | 1.0 |", text)


if __name__ == "__main__":
    unittest.main()

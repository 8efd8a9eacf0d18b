# SPDX-License-Identifier: MIT
"""A bad link: frames between two ends are lost, doubled, held back and overtaken, as a seeded generator says."""
import heapq
import os
import random
import select
import time


class Relay:
    """loss, duplicate, reorder: shares of the frames, 0 to 1, in each direction. delay: (least, most) seconds.

    A frame that is reordered waits `late` longer than the others. run() ends when one end is gone."""

    def __init__(self, first, second, loss=0.0, duplicate=0.0, reorder=0.0, delay=(0.0, 0.0), late=0.004, seed=1):
        self.ends = (first, second)
        self.loss, self.duplicate, self.reorder, self.delay, self.late = loss, duplicate, reorder, delay, late
        self.random = random.Random(seed)
        self.waiting, self.number = [], 0
        self.counts = {"frames": 0, "lost": 0, "doubled": 0, "late": 0}

    def is_clean(self):
        return not (self.loss or self.duplicate or self.reorder or self.delay[1])

    def take(self, frame, target, now):
        """One frame: lost, or put in line."""
        self.counts["frames"] += 1
        if self.random.random() < self.loss:
            self.counts["lost"] += 1
            return
        copies = 1
        if self.random.random() < self.duplicate:
            self.counts["doubled"] += 1
            copies = 2
        for _ in range(copies):
            due = now + self.random.uniform(*self.delay)
            if self.random.random() < self.reorder:
                self.counts["late"] += 1
                due += self.late
            self.number += 1
            heapq.heappush(self.waiting, (due, self.number, target, frame))

    def run(self):
        while True:
            wait = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            full = [end for end in self.ends if getattr(end, "outbox", None)]
            ready, writable, _ = select.select(self.ends, full, [], wait)
            for end in writable:
                end.flush()
            now = time.monotonic()
            for end in ready:
                frames = end.receive()
                if frames is None:
                    return
                target = self.ends[0] if end is self.ends[1] else self.ends[1]
                for frame in frames:
                    self.take(frame, target, now)
            while self.waiting and self.waiting[0][0] <= now:
                _, _, target, frame = heapq.heappop(self.waiting)
                target.send(frame)

    def fork(self, report=None):
        """run() in a process of its own; its id. The counts go to the file `report` at the end."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for end in self.ends:
                    end.accept()
                self.run()
                if report:
                    with open(report, "w", encoding="utf-8") as handle:
                        handle.write(", ".join(f"{value} {name}" for name, value in self.counts.items()))
                status = 0
            finally:
                os._exit(status)
        return child

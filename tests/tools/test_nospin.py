# SPDX-License-Identifier: MIT
"""The spinlock check finds spinlocks, and leaves lock-free retries and sleeping waits alone."""
import importlib.util
import unittest
from pathlib import Path

spec = importlib.util.spec_from_file_location("nospin", Path(__file__).resolve().parents[2] / "tools/nospin.py")
nospin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(nospin)

SPINS = {
    "test and set": "while (atomic_exchange(&l->locked, 1, ACQUIRE))\n\t\t;",
    "test and test and set": "do {\n\t\twhile (atomic_load(&l->locked, RELAXED))\n\t\t\tarch_relax();\n\t} while (atomic_exchange(&l->locked, 1, ACQUIRE));",
    "compare and swap": "for (;;) {\n\t\told = 0;\n\t\tif (atomic_cas(&l->word, &old, 1, ACQUIRE))\n\t\t\tbreak;\n\t}",
    "compare and swap, short": "uint32_t old = 0;\n\twhile (!atomic_cas(&l->word, &old, 1, ACQUIRE))\n\t\told = 0;",
    "ticket": "unsigned me = atomic_fetch_add(&l->next, 1, RELAXED);\n\twhile (atomic_load(&l->owner, ACQUIRE) != me)\n\t\t;",
    "trylock": "while (!mutex_trylock(&m))\n\t\t;",
    "trylock with yield": "while (!mutex_trylock(&m))\n\t\tthread_yield();",
    "wait for an answer": "request(cpu);\n\tfor (;;) {\n\t\tif (READ_ONCE(cpu->answered))\n\t\t\tbreak;\n\t}",
    "relax": "do\n\t\tarch_relax();\n\twhile (!READ_ONCE(done));",
    "sequence counter": "do {\n\t\tseq = atomic_load(&s->seq, ACQUIRE);\n\t\tcopy();\n\t} while ((seq & 1) || seq != atomic_load(&s->seq, RELAXED));",
    "by a helper": "while (!is_done(x))\n\t\tarch_relax();",
    "by name": "spin_lock(&l);",
}
FINE = {
    "push": "head = atomic_load(&q->head, RELAXED);\n\tdo\n\t\tn->next = head;\n\twhile (!atomic_cas(&q->head, &head, n, RELEASE));",
    "increment unless": "while (!(word & WRITER))\n\t\tif (atomic_cas(&l->word, &word, word + 1, ACQUIRE))\n\t\t\treturn;",
    "sleep": "for (;;) {\n\t\tthread_wait_until(\"x\", atomic_load(&x, ACQUIRE), NSEC_NEVER, 0);\n\t\twork();\n\t}",
    "walk": "for (n = rcu_deref(head.next); n != &head; n = rcu_deref(n->next))\n\t\tfn(n);",
    "counted": "for (i = 0; i < nr; i++)\n\t\tsum += atomic_load(&x[i], RELAXED);",
}


def in_function(code):
    return "static void f(struct lock *l)\n{\n\t" + code + "\n}\n"


class NoSpin(unittest.TestCase):
    def test_spins_are_found(self):
        for name, code in SPINS.items():
            with self.subTest(name):
                self.assertTrue(nospin.suspects("x.c", in_function(code)))
                self.assertEqual(nospin.suspects("x.c", in_function(code))[0][1], "f")

    def test_others_are_not(self):
        for name, code in FINE.items():
            with self.subTest(name):
                self.assertEqual(nospin.suspects("x.c", in_function(code)), [])

    def test_comments_and_strings_do_not_count(self):
        self.assertEqual(nospin.suspects("x.c", in_function('/* spin_lock(&l); while (atomic_load(&x)) ; */ log("spin_lock(");')), [])

    def test_assembly(self):
        self.assertEqual(nospin.suspects("x.S", "func lock\n1:\tldaxr\tw0, [x1]\n\tcbnz\tw0, 1b\n"), [(2, "lock")])
        self.assertEqual(nospin.suspects("x.S", "func f\n\tldr\tx0, [x1]\t// wfe\n"), [])


if __name__ == "__main__":
    unittest.main()

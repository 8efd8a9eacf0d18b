#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Find loops that may wait for another CPU: Samara has no spinlocks.

Every loop of the kernel whose condition or body reads shared memory atomically is looked at:

  - a compare-and-swap that is repeated with the value it lost to is a lock-free retry: somebody else got on. Fine.
  - a loop that sleeps in between (thread_wait_until, cond_wait, ...) waits properly. Fine.
  - everything else is a suspect: it must be named in tools/nospin.allow with the reason why it ends, or go.

  FILE FUNCTION  reason

Assembly: wfe, sev and exclusive loads are suspects outside of what the allow file names (FILE LABEL).
`nospin.py --list` prints all loops on shared memory, with what they are: the list that docs/architecture.md points at.

Usage: nospin.py [ROOT]; status 1 with a line for each suspect that is not allowed, and for each allowance without a suspect.
"""
import re
import sys
from pathlib import Path

FOLDERS = "libc mmu sched gic apic fs net virtio virtio-mmio linux boards arch-arm64 arch-x86".split()
SHARED = re.compile(r"\batomic_(load|exchange|fetch_\w+|cas2?)\b|\bREAD_ONCE\b|\btrylock\b|\b\w+_try_?lock\b|\barch_relax\b|\b__atomic_\w+|\b__sync_\w+")
CAS = re.compile(r"\batomic_cas2?\s*\(\s*([^,]+),\s*&\s*([\w.>-]+)\s*,")
SLEEPS = re.compile(r"\b(thread_wait_until|deadline_wait_until|sleeper_wait_until|sleeper_wait_exclusive|waitq_wait_exclusive|thread_wait_block|wait_block|waitq_wait_until|cond_wait|completion_wait|semaphore_wait|thread_sleep_until"
                    r"|rcu_synchronize|mutex_lock|rwlock_(read|write)_lock|idle_loop)\s*\(")
SPINLOCK = re.compile(r"\bspin_?(un)?lock\w*\s*\(|\bstruct\s+spinlock\b|\bticket_?lock", re.I)
ASM = re.compile(r"^\s*(?:[\w.$]+:\s*)?(wfe|sev|sevl|ldxr\w*|ldaxr\w*|ldxp|ldaxp)\b")


def strip(text):
    """Comments, strings and attributes become spaces, so that line numbers stay."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    text = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", blank, text, flags=re.S)
    return re.sub(r"\b__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", blank, text)


def close(text, i, pair):
    """The index after the bracket that closes the one at i."""
    depth = 0
    for k in range(i, len(text)):
        if text[k] == pair[0]:
            depth += 1
        elif text[k] == pair[1]:
            depth -= 1
            if depth == 0:
                return k + 1
    return len(text)


def statement_end(text, i):
    """The index after the statement that begins at i."""
    while i < len(text) and text[i].isspace():
        i += 1
    if i < len(text) and text[i] == "{":
        return close(text, i, "{}")
    m = re.match(r"(if|for|while|switch|SET_FOREACH|\w*for_each\w*)\s*\(", text[i:])
    if m:
        end = statement_end(text, close(text, i + m.end() - 1, "()"))
        rest = re.match(r"\s*else\b", text[end:])
        return statement_end(text, end + rest.end()) if rest else end
    depth = 0
    for k in range(i, len(text)):
        if text[k] in "({":
            depth += 1
        elif text[k] in ")}":
            depth -= 1
        elif text[k] == ";" and depth <= 0:
            return k + 1
    return len(text)


def loops(text):
    """(offset, condition, body) of every loop."""
    for m in re.finditer(r"\b(while|for)\s*\(", text):
        open_ = m.end() - 1
        end = close(text, open_, "()")
        head = text[open_ + 1:end - 1]
        if m.group(1) == "for":
            parts = head.split(";")
            if len(parts) == 3:
                head = parts[1] + ";" + parts[2]
        if re.match(r"\s*;", text[end:]) and re.search(r"[};]\s*$", text[:m.start()]) and re.search(r"\bdo\b", text[:m.start()]):
            continue                    # the tail of a do loop, or an empty loop: see below
        yield m.start(), head, text[end:statement_end(text, end)]
    for m in re.finditer(r"\bdo\b(?=\s*[\w{])", text):
        end = statement_end(text, m.end())
        tail = re.match(r"\s*while\s*\(", text[end:])
        if tail:
            stop = close(text, end + tail.end() - 1, "()")
            yield m.start(), text[end + tail.end():stop - 1], text[m.end():end]
    # Empty loops after a semicolon: while (x) ;
    for m in re.finditer(r"\bwhile\s*\(", text):
        end = close(text, m.end() - 1, "()")
        if re.match(r"\s*;", text[end:]) and not in_do(text, m.start()):
            yield m.start(), text[m.end():end - 1], ";"


def in_do(text, i):
    """Is the while at i the tail of a do?"""
    for m in re.finditer(r"\bdo\b(?=\s*[\w{])", text[:i]):
        end = statement_end(text, m.end())
        if not text[end:i].strip() and end <= i:
            return True
    return False


def is_suspect(head, body):
    all_ = head + ";" + body
    if not SHARED.search(all_):
        return False
    if SLEEPS.search(all_):
        return False
    if re.search(r"\barch_relax\b", all_):
        return True
    # Which reads decide whether it goes on? Those in the condition; in an endless loop, all.
    endless = not head.strip(" ;") or head.strip() in ("1", "true")
    deciding = all_ if endless else head
    if not SHARED.search(deciding):
        return False
    cas = CAS.findall(deciding if CAS.search(deciding) else all_)
    if not cas:
        # A bounded walk (for (n = load; n; n = load)) ends with the list; it moves on.
        step = re.search(r";\s*([\w.]+)\s*=\s*(?:rcu_deref|atomic_load|READ_ONCE)\s*\(\s*&?\s*\1\b", head)
        return not step
    if re.search(r"\batomic_(load|exchange)\b|\bREAD_ONCE\b|trylock", CAS.sub("", head)) and not endless:
        return True
    # The expected value is set to the same constant in each round: a lock.
    for _, expected in cas:
        if re.search(r"\b%s\s*=\s*(0\w*|NULL|false|FREE|UNLOCKED)\s*;" % re.escape(expected), body):
            return True
    return False


def function_at(text, offset):
    """The name of the function around offset: the last line at column 0 that looks like a definition."""
    name = "?"
    for m in re.finditer(r"^(?![#\s}])[\w *\n\t,()&]*?\b(\w+)\s*\([^;{}]*\)\s*(?:__\w+[^{;]*)?\{|^#define\s+(\w+)", text, flags=re.M):
        if m.start() > offset:
            break
        name = m.group(1) or m.group(2)
    return name


def suspects(path, text):
    found = []
    if path.endswith(".S"):
        label = "?"
        for nr, line in enumerate(text.splitlines(), 1):
            m = re.match(r"^(?:func\s+)?([A-Za-z_]\w*):?", line)
            if m and not line[0].isspace():
                label = m.group(1)
            if ASM.match(line.split("//")[0]):
                found.append((nr, label))
        return found
    text = strip(text)
    for m in SPINLOCK.finditer(text):
        found.append((text.count("\n", 0, m.start()) + 1, function_at(text, m.start())))
    for offset, head, body in loops(text):
        if is_suspect(head, body):
            found.append((text.count("\n", 0, offset) + 1, function_at(text, offset)))
    return sorted(set(found))


def read_allowed(path):
    allowed = {}
    if path.exists():
        for nr, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split(None, 2)
            if not words or words[0].startswith("#"):
                continue
            if len(words) < 3:
                sys.exit(f"{path}:{nr}: FILE FUNCTION reason")
            allowed[(words[0], words[1])] = words[2]
    return allowed


def list_all(root):
    allowed = read_allowed(root / "tools/nospin.allow")
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[ch]")):
            name = str(path.relative_to(root))
            text = strip(path.read_text(errors="replace"))
            seen = set()
            for offset, head, body in sorted(loops(text)):
                function = function_at(text, offset)
                if not SHARED.search(head + body) or function in seen:
                    continue
                if (name, function) in allowed:
                    kind = allowed[(name, function)]
                elif SLEEPS.search(head + body):
                    kind = "sleeps"
                elif CAS.search(head + body):
                    kind = "lock-free retry: another CPU got on"
                else:
                    continue            # it ends by itself; the shared read is incidental
                seen.add(function)
                print(f"{name:28} {function:28} {kind}")


def main(root):
    root = Path(root)
    allowed = read_allowed(root / "tools/nospin.allow")
    used = set()
    bad = 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[chS]")):
            name = str(path.relative_to(root))
            for nr, function in suspects(name, path.read_text(errors="replace")):
                if (name, function) in allowed:
                    used.add((name, function))
                    continue
                print(f"{name}:{nr}: {function}(): loops on shared memory; is it a wait for another CPU? (tools/nospin.allow)")
                bad = 1
    for key in sorted(set(allowed) - used):
        print(f"tools/nospin.allow: {key[0]} {key[1]}: no such loop any more")
        bad = 1
    return bad


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        sys.exit(list_all(Path(__file__).resolve().parent.parent))
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent))

#!/bin/sh
# Check every #include "a/b.h" against tools/layers.txt.  Usage: tools/layers.sh
set -eu
files=$(git ls-files -co --exclude-standard '*.c' '*.h' '*.S' | while read -r f; do [ -f "$f" ] && echo "$f"; done)
awk '
FILENAME == "tools/layers.txt" {
	sub(/#.*/, ""); if (!NF) next
	f = $1; sub(/:$/, "", f); known[f] = 1
	for (i = 2; i <= NF; i++) ok[f, $i] = 1
	next
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split(FILENAME, p, "/"); from = p[1]
	split($0, q, "\""); inc = q[2]
	to = inc; sub(/\/.*/, "", to)
	if (to == inc) next			# generated, or in the same folder by a special include path
	if (!(from in known)) { printf "%s: folder not in tools/layers.txt\n", FILENAME; bad = 1 }
	else if (to != from && !((from, "*") in ok) && !((from, to) in ok) && !((from, inc) in ok)) {
		printf "%s:%d: %s may not include %s\n", FILENAME, FNR, from, inc; bad = 1
	}
}
END { exit bad }' tools/layers.txt $files

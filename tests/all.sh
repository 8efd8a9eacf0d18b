#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All tests that need a machine, on both ports, to their end even if some fail. The last line counts them.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
log=build/test.log
broken=0

run() {
	"$@" 2>&1 | tee -a "$log" || broken=$((broken + 1))
}

mkdir -p build
: >"$log"
run python3 tests/run-guests.py --arch arm64
run python3 tests/run-guests.py --arch x86_64
run make --no-print-directory ubsan-check
run make --no-print-directory trace-check
run make --no-print-directory strace-check
run make --no-print-directory tools-check
run make --no-print-directory packages-check
run make --no-print-directory dead-cpu
run make --no-print-directory net-check
passed=$(grep -cE '^ok |: ok$' "$log")
failed=$(grep -c '^FAIL' "$log")
# What failed without saying so counts too.
[ "$failed" -ge "$broken" ] || failed=$broken
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

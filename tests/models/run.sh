#!/bin/sh
# Check the Promela models: each must hold, and each mutation that its head comment lists must be caught. Seconds;
# a model that has not changed since it passed is not checked again.
# usage: run.sh [model...]
set -u
dir=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "models: spin is not installed (apt-get install spin), skipped"; exit 0; }
out=${O:-$dir/../../build/models}
mkdir -p "$out"
failed=0

# check NAME DEFINES...: 0 holds, 1 an error was found, 2 could not be run
check() {
	name=$1
	work=$out/$name-$2
	shift
	defines=
	for d in "$@"; do [ "$d" = base ] || defines="$defines -D$d"; done
	mkdir -p "$work"
	(
		cd "$work" &&
		spin $defines -a "$dir/$name.pml" >spin.log 2>&1 &&
		gcc -O0 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -o pan pan.c &&
		timeout 120 ./pan -m200000 -n >pan.log 2>&1
	) || return 2
	grep -q 'max search depth too small' "$work/pan.log" && return 2
	grep -q 'errors: 0' "$work/pan.log" && return 0
	grep -q 'errors: [1-9]' "$work/pan.log" && return 1
	return 2
}

run_model() (
	model=$1
	stamp=$out/$model.ok
	[ "$stamp" -nt "$dir/$model.pml" ] && [ "$stamp" -nt "$dir/run.sh" ] && exit 0
	check "$model" base
	case $? in
	0) states=$(sed -n 's/^ *\([0-9e.+]*\) states, stored.*/\1/p' "$out/$model-base/pan.log"); echo "  MODEL   $model: holds, $states states" ;;
	1) echo "FAILED: model $model: $(grep -m1 '^pan:' "$out/$model-base/pan.log")"; failed=1 ;;
	*) echo "FAILED: model $model could not be checked, see $out/$model-base"; failed=1 ;;
	esac
	for m in $(sed -n '/Mutations/,/\*\//s/^ \*\t\([A-Z_]*\)\t.*/\1/p' "$dir/$model.pml"); do
		check "$model" "MUTATE_$m"
		case $? in
		1) ;;
		0) echo "FAILED: model $model does not notice mutation $m"; failed=1 ;;
		*) echo "FAILED: model $model with mutation $m could not be checked"; failed=1 ;;
		esac
	done
	[ $failed = 0 ] && touch "$stamp"
	exit $failed
)

# The same under the C11 memory model: relaxed.cc.
run_relaxed() (
	[ -f /usr/include/relacy/relacy.hpp ] || { echo "models: relacy-dev is not installed (apt-get install relacy-dev), relaxed.cc skipped"; exit 0; }
	[ "$out/relaxed.ok" -nt "$dir/relaxed.cc" ] && [ "$out/relaxed.ok" -nt "$dir/run.sh" ] && exit 0
	g++ -std=gnu++17 -O1 -w -o "$out/relaxed" "$dir/relaxed.cc" || { echo "FAILED: models: relaxed.cc does not compile"; exit 1; }
	timeout 300 "$out/relaxed" >"$out/relaxed.log"
	status=$?
	grep -E '^  MODEL|^FAILED' "$out/relaxed.log"
	[ $status = 0 ] || { echo "FAILED: models: relaxed.cc, see $out/relaxed.log"; exit 1; }
	touch "$out/relaxed.ok"
)

[ $# -gt 0 ] || set -- mutex wakeup rcu poller relaxed
for model in "$@"; do
	if [ "$model" = relaxed ]; then run_relaxed & else run_model "$model" & fi
	pids="${pids:-} $!"
done
for p in $pids; do wait "$p" || failed=1; done
exit $failed

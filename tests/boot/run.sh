#!/bin/sh
# Build the kernel with its self-tests and boot it as tests/boot/list says. WANTED="NAME..." picks some.
# Not part of `make check`: fairness and timing need a host that is not overloaded.
set -u
cd "$(dirname "$0")/../.." || exit 1
make SELFTEST=1 ARCH="${ARCH:-arm64}" >/dev/null || exit 1
failed=0
while IFS= read -r line; do
	case $line in '#'* | '') continue ;; esac
	set -f
	# shellcheck disable=SC2086
	set -- $line
	set +f
	name=$1 cpus=$2 mem=$3 seconds=$4 tests=$5
	shift 5
	args=
	[ "$tests" = - ] || args="env=SELFTEST=$tests"
	case ${1-} in SCALE=*) args="$args env=$1"; shift ;; esac
	qemu=
	while [ $# -gt 0 ]; do
		case $1 in -- | "") break ;; esac
		qemu="$qemu $1"
		shift
	done
	[ -z "${WANTED-}" ] || case " $WANTED " in *" $name "*) ;; *) continue ;; esac
	log=build/boot-$name.log
	# shellcheck disable=SC2086
	if tests/boot/qemu.sh "$cpus" "$mem" "$seconds" "$args" $qemu >"$log" 2>&1; then
		echo "  BOOT    $name: ok"
	else
		echo "FAILED: boot test $name"
		tail -20 "$log"
		failed=1
	fi
	set --
done <tests/boot/list
exit $failed

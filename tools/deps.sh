#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that are missing on this machine. Silent and quick when nothing is.
#
#   tools/deps.sh          what building and running needs
#   tools/deps.sh test     what `make check`, `make test` and `make bench` need as well
#   tools/deps.sh bench    what `make bench-servers` needs: load generators
#   tools/deps.sh list     only print what would be installed
set -eu

# command  package
build='
make                        make
gcc                         gcc
aarch64-linux-gnu-gcc       gcc-aarch64-linux-gnu
/usr/aarch64-linux-gnu/include/stdio.h  libc6-dev-arm64-cross
x86_64-linux-gnu-gcc        gcc-x86-64-linux-gnu
python3                     python3
qemu-system-aarch64         qemu-system-arm
qemu-system-x86_64          qemu-system-x86
mkfs.erofs                  erofs-utils
dtc                         device-tree-compiler
qemu-aarch64-static         qemu-user-static
'
test='
/usr/include/stdio.h        libc6-dev
clang                       clang
spin                        spin
g++                         g++
/usr/include/relacy/relacy.hpp  relacy-dev
go                          golang-go
'
bench='
ip                          iproute2
redis-benchmark             redis-tools
wrk                         wrk
memcaslap                   libmemcached-tools
/usr/bin/iperf3             iperf3
'

list=$build
[ "${1:-}" != test ] || list="$build $test"
[ "${1:-}" != bench ] || list="$build $bench"
PATH=$PATH:/usr/sbin:/sbin

missing=''
set -- "${1:-}" $list
mode=$1
shift
while [ $# -ge 2 ]; do
	case $1 in
	/*) [ -e "$1" ] || missing="$missing $2" ;;
	*) command -v "$1" >/dev/null 2>&1 || missing="$missing $2" ;;
	esac
	shift 2
done
if [ "$mode" = test ] && command -v clang >/dev/null 2>&1; then
	# The fuzzers' runtime is a package of its own, by clang's version.
	version=$(clang -dumpversion | cut -d. -f1)
	[ -n "$(find /usr/lib/llvm-"$version"/lib/clang -name 'libclang_rt.fuzzer-*' 2>/dev/null | head -1)" ] ||
		missing="$missing libclang-rt-$version-dev"
elif [ "$mode" = test ]; then
	missing="$missing libclang-rt-14-dev"
fi

[ -n "$missing" ] || exit 0
if [ "$mode" = list ]; then
	echo $missing
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "deps: this machine has no apt-get; install these Debian packages' equivalents:$missing" >&2
	exit 1
fi
root=''
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "deps: as root, run: apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
	root=sudo
fi
echo "deps: installing$missing"
install() { $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; }
# The package lists may be missing or old: fetch them only if the first try fails.
install || { $root apt-get update -q && install; }

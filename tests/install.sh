#!/bin/bash
# install.sh build|demo|test|fuzz|bench|peers|deb - installs the Debian packages that are missing for a purpose,
# or, without the rights, prints the command that would. The one list of what the project needs.
set -eu

usage='usage: tests/install.sh build|demo|test|fuzz|bench|peers|deb'

build='gcc libc6-dev make libuv1-dev liblz4-dev libzstd-dev'
demo='guile-3.0'
# pkg-config and g++ try the installed headers, python3-* belong to tests/spec_reader.py, ctags to
# `make longest`, spin to `make model`, promtool comes with prometheus; file, libxml2-utils and
# shared-mime-info try what is installed for them; zsh, scdoc, groff and man try completion and manual pages.
# python3-prometheus-client has a strict reader of OpenMetrics.
# liblua5.4-dev is built into the Lua host, whose output lua5.4 checks; cmake, nodejs, perl, ruby and sqlite3
# are programs that must not notice a recording, as are neovim and uvloop, whose loops are libuv's; wrk is load for
# the HTTP host. ltrace counts calls as the libc probe does; libjemalloc2 and libtcmalloc-minimal4 are preloaded
# beside it. libnghttp2-dev is HTTP/2 in the HTTP host, nghttp2-client its load. protobuf-compiler's protoc reads
# what decode writes for Perfetto, chromium opens speedscope's page. DuckDB, an HDR histogram,
# Node's headers and speedscope come from npm, where there is one.
test='binutils bsdutils chromium cmake file g++ git groff-base jq libcmocka-dev libjemalloc2 liblua5.4-dev
	libnghttp2-dev libtcmalloc-minimal4 libxml2-utils linux-perf ltrace lua5.4 man-db neovim nghttp2-client nodejs
	perl pkg-config procps prometheus protobuf-compiler python3 python3-lz4 python3-prometheus-client python3-uvloop
	python3-zstandard ruby scdoc shared-mime-info spin sqlite3 strace universal-ctags wrk zsh'
fuzz='clang libclang-rt-14-dev'
deb='debhelper dpkg-dev fakeroot git lintian pkg-config scdoc g++ file'
# other programs' overhead: by the clock, and by callgrind in instructions
bench='guile-3.0 lua5.4 liblua5.4-dev util-linux valgrind'
# what `make bench-peers` measures beside valktrace; a JDK too, when there is one
peers='lttng-tools liblttng-ust-dev babeltrace2 util-linux'

case ${1-} in
build) list=$build ;;
demo)  list="$build $demo" ;;
test)  list="$build $demo $test" ;;
fuzz)  list="$build $fuzz" ;;
bench) list="$build $bench" ;;
peers) list="$build $peers" ;;
deb)   list="$build $demo $deb" ;;
*)     echo "$usage" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "install.sh: not a Debian system; needed: $(echo $list)" >&2
	exit 0
fi

missing=
for package in $list; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "install.sh: packages are missing; run this, then try again:" >&2
	echo "  sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing$missing"
# Debian's prometheus starts a server when it is configured; only its promtool is wanted here.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f "$log" $policy' EXIT
fi
if ! { apt-get -q update && apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $missing; } \
	>"$log" 2>&1 </dev/null; then
	tail -20 "$log" >&2
	echo "install.sh: apt-get failed" >&2
	exit 1
fi

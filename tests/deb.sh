#!/bin/bash
# deb.sh DIR - tries the Debian packages in DIR: installs them with dpkg into a root of their own, records
# a program with that tool, decodes, builds programs against them, and takes them away again.
debs=$(cd "$1" && ls "$PWD"/*.deb | grep -v -- -dbgsym_) || exit 1
. "$(dirname "$0")/integration/lib.sh"
PATH=${PATH#"$BIN:"}:/usr/sbin:/sbin

root=$WORK/root
arch=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
lib=$root/usr/lib/$arch
mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info"
touch "$root/var/lib/dpkg/status"
fake=
[ "$(id -u)" -eq 0 ] || fake=fakeroot
# The root has no libc6 of its own: apt-get tells below whether all that is needed can be had.
packages() { $fake dpkg --root="$root" --force-depends --force-script-chrootless --log=/dev/null "$@" 2>&1; }

is 'the packages' "$(for deb in $debs; do basename "${deb%%_*}"; done | sort | xargs)" \
	'libvalktrace-dev libvalktrace-reader0 libvalktrace0 valktrace'
out=$(apt-get -s install --no-install-recommends $debs 2>&1) || fail 'apt-get would install them' "$out"
has 'apt-get would install them' "$out" '^Conf valktrace '
out=$(packages -i $debs) || fail 'dpkg -i' "$out"
is 'dpkg has installed them' "$(dpkg-query --admindir="$root/var/lib/dpkg" -W \
	-f '${Package} ${db:Status-Status}\n' | grep -c ' installed$')" 4
is '... as they were built' "$(packages -V)" ''

# ---- the tool -----------------------------------------------------------------------------------------

valktrace=$root/usr/bin/valktrace
echo '(do ((i 0 (+ i 1))) ((= i 30000)) (make-list 1000 i))' >program.scm
has 'it records' "$("$valktrace" record -- guile program.scm 2>&1)" 'found boehm-gc'
ok '... decodes' test "$("$valktrace" decode --event gc.end | wc -l)" -gt 5
has '... and sums up' "$("$valktrace" summary)" 'guile'
has 'file knows its log' "$(file -b -m "$root/usr/share/valktrace/magic" valktrace.vtrace)" '^valktrace log'
man=$root/usr/share/man/man1
if [ -e "$man/valktrace.1.gz" ]; then
	for command in $("$valktrace" --help | awk '$0 == "commands" { on = 1; next } !NF { on = 0 } on { print $1 }'); do
		has "a page on $command" "$(zcat "$man/valktrace-$command.1.gz")" '^\.TH '
	done
else
	skip 'man pages' 'the tool prints none yet'
fi
completion=$root/usr/share/bash-completion/completions/valktrace
if [ -e "$completion" ]; then
	ok 'bash reads the completions' bash -n "$completion"
else
	skip 'completions' 'the tool prints none yet'
fi

# ---- programs ------------------------------------------------------------------------------------------

path=$lib/pkgconfig:$(pkg-config --variable pc_path pkg-config)
for source in embed:valktrace embed_reader:valktrace-reader; do
	ok "${source%:*}.c builds" ${CC:-gcc} -std=c11 -Wall -Wextra -Werror -o "${source%:*}" \
		"$ROOT/tests/hosts/${source%:*}.c" $(PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$path \
		pkg-config --cflags --libs "${source#*:}")
done
ok '... records itself' env LD_LIBRARY_PATH="$lib" ./embed embed.vtrace
is '... and its log is read' "$(LD_LIBRARY_PATH=$lib ./embed_reader embed.vtrace | grep -c '^gc\.end$')" 3

# ---- and away --------------------------------------------------------------------------------------------

out=$(packages -P libvalktrace-dev libvalktrace-reader0 libvalktrace0 valktrace) || fail 'dpkg -P' "$out"
is 'purged, nothing is left but what dpkg notes' "$(find "$root" -mindepth 1 -path "$root/var" -prune -o -print)" ''
finish

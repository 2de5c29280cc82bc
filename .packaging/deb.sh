#!/bin/bash
# deb.sh VERSION - builds the Debian packages out of the files that git knows, and has lintian look at
# them. They come to build/deb/*.deb; all else, and what was said, to build/deb/work.
set -eu
cd "$(dirname "$0")/.."
version=$1
out=build/deb work=build/deb/work
source=$work/valktrace-$version
unset MAKEFLAGS MFLAGS MAKELEVEL SAN DEBUG B DESTDIR PREFIX LIBDIR CFLAGS CPPFLAGS LDFLAGS

rm -rf "$out"
mkdir -p "$source"
git ls-files -z --cached --others --exclude-standard |
	while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
	xargs -0 cp --parents -t "$source" --
cp -r .packaging/debian "$source/debian"

packaged=$(dpkg-parsechangelog -l "$source/debian/changelog" -S Version)
if [ "$packaged" != "$version" ]; then
	echo "deb.sh: Makefile says $version, .packaging/debian/changelog $packaged" >&2
	exit 1
fi

if ! (cd "$source" && dpkg-buildpackage -b -us -uc -j"$(nproc)") >"$work/log" 2>&1 </dev/null; then
	tail -n 40 "$work/log" >&2
	echo "deb.sh: dpkg-buildpackage failed; all of it: $work/log" >&2
	exit 1
fi
grep -h '^note: ' "$work/log" | sort -u || true

# As long as the tool prints no man pages there is one thing less to ask for.
options=
dpkg-deb -c "$work"/valktrace_*.deb | grep -q '/man1/valktrace.1.gz$' || options='--suppress-tags no-manual-page'
lintian --allow-root --no-cfg --fail-on error,warning $options "$work"/*.changes

mv "$work"/*.deb "$out"
rm -rf "$source"
ls "$out"/*.deb

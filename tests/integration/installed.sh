#!/bin/bash
# installed.sh - the installed tree: what is in it, what the libraries export, that programs are built
# against it and run, that its tool records and decodes, and that nothing of it is left in the end.
. "$(dirname "$0")/lib.sh"

# The tool of the tree must not find anything of the built one.
PATH=${PATH#"$BIN:"}
arch=$(${CC:-gcc} -dumpmachine)
make() { command make --no-print-directory -s -C "$ROOT" SAN="${SAN-}" "$@" >said 2>&1 || { cat said; false; }; }

# ---- what the libraries export ----------------------------------------------------------------------

# declared INCLUDE...: the symbols that headers declare with VT_API
declared()
{
	printf '#include <%s>\n' "$@" | ${CC:-gcc} -E -P -I"$ROOT/include" -x c - | tr '\n' ' ' |
		tr ';{}' '\n\n\n' | grep -F 'visibility("default")' |
		sed -E 's/__attribute__ *\(\(([^()]|\([^()]*\))*\)\)//g; s/\(.*//; s/ +$//; s/.*[^A-Za-z0-9_]//' |
		sort -u
}

# exported LIBRARY: "symbol@@NODE" of all but the nodes themselves
exported()
{
	nm -D --defined-only "$BUILD/$1" | awk '$2 != "A" { print $3 }' | sort
}

writer=$(cd "$ROOT/include" && ls valktrace.h valktrace/*.h | grep -v reader.h)
ok 'there are declarations to compare' test "$(declared $writer | wc -l)" -gt 30
is 'libvalktrace exports what its headers declare' "$(exported libvalktrace.so)" \
	"$(declared $writer | sed 's/$/@@VALKTRACE_0.1/')"
is 'libvalktrace-reader exports what reader.h declares' "$(exported libvalktrace-reader.so)" \
	"$(declared valktrace/reader.h | sed 's/$/@@VALKTRACE_READER_0.1/')"
is 'the reader needs no libuv' "$(readelf -d "$BUILD/libvalktrace-reader.so" | grep NEEDED | grep libuv)" ''

# ---- the tree ----------------------------------------------------------------------------------------

tree=$WORK/tree
places="DESTDIR=$tree PREFIX=/usr LIBDIR=/usr/lib/$arch"
lib=$tree/usr/lib/$arch
list() { (cd "$tree" && find . -printf '%y %M %p %l\n' | sort); }

out=$(umask 077; make install $places) || fail 'make install' "$out"
has 'it was installed' "$(list)" '^f .* \./usr/bin/valktrace $'
first=$(list)
ok '... a second time' make install $places
is '... which changes nothing' "$(list)" "$first"
is 'everyone may read all of it, whatever the umask' "$(find "$tree" ! -type l ! -perm -444)" ''
is '... and enter its directories' "$(find "$tree/usr" -type d ! -perm 755)" ''
is 'the names of the library lead to one file' \
	"$(readlink "$lib/libvalktrace.so") $(readlink "$lib/libvalktrace.so.0")" \
	"libvalktrace.so.0 libvalktrace.so.$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")"
has '... as its SONAME says' "$(readelf -d "$lib/libvalktrace.so")" 'SONAME.*\[libvalktrace\.so\.0\]'
is 'nothing in it names the place where it was staged' "$(grep -rlF "$tree" "$tree")" ''
for page in $(cd "$BUILD/share" && find . -type f); do
	ok "$page is there" cmp "$BUILD/share/$page" "$tree/usr/share/$page"
done
if [ -e "$tree/usr/share/man" ]; then
	is 'there is a page on each command' "$(ls "$tree/usr/share/man/man1" | sort)" \
		"$({ echo; "$tree/usr/bin/valktrace" --help |
			awk '$0 == "commands" { on = 1; next } !NF { on = 0 } on { print "-" $1 }'
		} | sed 's/.*/valktrace&.1/' | sort)"
else
	skip 'man pages' 'no scdoc, or no command man'
fi

# ---- pkg-config -------------------------------------------------------------------------------------

config() { PKG_CONFIG_PATH=$1/pkgconfig pkg-config "${@:2}"; }
is 'in /usr pkg-config says the library alone' \
	"$(config "$lib" --cflags --libs valktrace | xargs)" '-lvalktrace'
is '... of the reader too' \
	"$(config "$lib" --cflags --libs valktrace-reader | xargs)" '-lvalktrace-reader'
for name in -luv -llz4 -lzstd -pthread; do
	has "--static adds $name" "$(config "$lib" --static --libs valktrace)" "(^| )$name( |$)"
done
is 'its version is the tool'\''s' "valktrace $(config "$lib" --modversion valktrace)" \
	"$("$tree/usr/bin/valktrace" --version | sed 's/,.*//')"

# ---- the tool ------------------------------------------------------------------------------------------

valktrace=$tree/usr/bin/valktrace
if command -v guile >/dev/null && [ -z "${SAN-}" ]; then
	echo '(do ((i 0 (+ i 1))) ((= i 30000)) (make-list 1000 i))' >program.scm
	has 'the tool finds its agent in a tree that was moved' \
		"$("$valktrace" record -o moved.vtrace -- guile program.scm 2>&1)" 'found boehm-gc'
	ok 'an own prefix' make install PREFIX="$WORK/own" LIBDIR="$WORK/own/lib64"
	mv "$WORK/own/bin/valktrace" "$WORK/alone"
	has '... and the agent by LIBDIR when the tool itself was moved' \
		"$("$WORK/alone" record -o alone.vtrace -- guile program.scm 2>&1)" 'found boehm-gc'
	mv "$WORK/alone" "$WORK/own/bin/valktrace"
	ok '... goes again' make uninstall PREFIX="$WORK/own" LIBDIR="$WORK/own/lib64"
	is '... and leaves nothing' "$(find "$WORK/own" -mindepth 1)" ''
else
	skip 'record' 'no guile, or a sanitized agent'
fi

# ---- file and MIME types --------------------------------------------------------------------------------

cp "$ROOT/fixtures/v1/guile.vtrace" a.vtrace
if command -v file >/dev/null; then
	magic=$tree/usr/share/valktrace/magic
	is 'the magic compiles without a warning' "$(file -C -m "$magic" 2>&1)" ''
	is 'file knows a log' "$(file -b -m "$magic" a.vtrace)" \
		'valktrace log, version 1.0, run 710d0903cf1b20a5'
	is '... by the run that info prints' "$("$valktrace" info a.vtrace | awk '$1 == "run" { print $2 }')" \
		'710d0903cf1b20a5,'
	is '... and its MIME type' "$(file -b --mime-type -m "$magic" a.vtrace)" application/x-valktrace
	tr -d '\r' <a.vtrace >b.vtrace
	if [ -z "${SAN-}" ]; then
		has 'file knows a ring file' "$("$valktrace" record -q -o c.vtrace -- sh -c "file -b -m '$magic' \
			$RUN/valktrace/*.vring")" "^valktrace ring file, ABI [0-9]+, process [0-9]+ \\(.*\\), run [0-9a-f]{16}$"
	fi
	has '... and what a transfer as text leaves of it' "$(file -b -m "$magic" b.vtrace)" 'damaged'
else
	skip 'file' 'not installed'
fi
if command -v xmllint >/dev/null; then
	ok 'the MIME types are well formed' xmllint --noout "$tree/usr/share/mime/packages/valktrace.xml"
fi
if command -v update-mime-database >/dev/null; then
	mkdir -p mime/packages
	cp "$tree/usr/share/mime/packages/valktrace.xml" mime/packages/
	is 'update-mime-database takes them' "$(XDG_DATA_DIRS=$WORK update-mime-database mime 2>&1)" ''
	has '... *.vtrace' "$(cat mime/globs2)" '^50:application/x-valktrace:\*\.vtrace$'
	has '... *.vring' "$(cat mime/globs2)" '^50:application/x-valktrace-ring:\*\.vring$'
	has '... and their first bytes' "$(tr -d '\0' <mime/magic)" '^\[80:application/x-valktrace\]$'
	if command -v gio >/dev/null; then
		cp a.vtrace nameless
		is '... and desktops ask for both' "$(export XDG_DATA_HOME=$WORK XDG_DATA_DIRS=$WORK
			gio info -a standard::content-type a.vtrace nameless | grep -c ': application/x-valktrace$')" 2
	fi
else
	skip 'MIME types' 'shared-mime-info is not installed'
fi

# ---- programs built against it ------------------------------------------------------------------------

if [ -n "${SAN-}" ]; then
	skip 'embedding' 'a sanitized library wants a sanitized program'
else
	export PKG_CONFIG_SYSROOT_DIR=$tree PKG_CONFIG_LIBDIR=$lib/pkgconfig
	# What the trees of others hold is outside of this one: only valktrace's own words get the root.
	export PKG_CONFIG_LIBDIR=$PKG_CONFIG_LIBDIR:$(PKG_CONFIG_LIBDIR= pkg-config --variable pc_path pkg-config)
	hosts=$ROOT/tests/hosts
	c="${CC:-gcc} -std=c11 -x c" cxx="${CXX:-g++} -std=c++11 -x c++"
	for way in c-shared c-static c++-shared c++-static; do
		case $way in c-*) compile=$c ;; *) compile=$cxx ;; esac
		# The static library itself, but shared ones below it: Debian has no static libuv of that name.
		case $way in *static) how=--static name='s/-l\(valktrace[a-z-]*\)/-l:lib\1.a/' ;; *) how= name= ;; esac
		for source in embed:valktrace embed_reader:valktrace-reader; do
			ok "${source%:*}.c builds: $way" $compile -Wall -Wextra -Werror \
				-o "${source%:*}-$way" "$hosts/${source%:*}.c" -x none \
				$(pkg-config $how --cflags --libs "${source#*:}" | sed "$name")
		done
		is '... which links the library so' "$(readelf -d "embed-$way" "embed_reader-$way" |
			grep -c 'NEEDED.*libvalktrace')" "$([ -n "$how" ] && echo 0 || echo 2)"
		ok '... runs' env LD_LIBRARY_PATH="$lib" "./embed-$way" "$way.vtrace"
		is '... and the installed tool decodes its log' \
			"$("$valktrace" decode --event gc.end "$way.vtrace" | grep -c 'reclaimed=1,*000')" 3
		is '... as the reader does' "$(LD_LIBRARY_PATH=$lib "./embed_reader-$way" "$way.vtrace" |
			grep -c '^gc\.end$')" 3
	done
	unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
fi

# ---- and away -------------------------------------------------------------------------------------------

ok 'make uninstall' make uninstall $places
is '... leaves an empty tree' "$(find "$tree" -mindepth 1)" ''
finish

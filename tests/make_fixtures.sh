#!/bin/bash
# make_fixtures.sh BUILD [--force] - makes the logs of fixtures/v1 and fixtures/bad out of real runs, and
# writes down what a decoder must make of them.
#
# They are made once and kept: what a released version wrote must decode for ever. An existing one is
# left alone unless --force is given, which is right only while the format has no release. To add
# one, add a line here and run `make tests-built && tests/make_fixtures.sh build/release`.
#
# fixtures/v1/expected holds a line a log: name, exit code of decode, events, events lost, closed, md5 of
# `decode --format json`. fixtures/bad/expected: name, exit code, extended regular expression for stderr.
set -eu
export LC_ALL=C TZ=UTC GUILE_AUTO_COMPILE=0
unset VALKTRACE VALKTRACE_RUN LD_PRELOAD
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
force=${2-}
v1=$root/fixtures/v1 bad=$root/fixtures/bad
PATH=$build:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# No ring file of ours may be left where a decoder looks for it.
mkdir -p run "$v1" "$bad"
export XDG_RUNTIME_DIR=$work/run

guile_code='(do ((i 0 (+ i 1))) ((= i 2500)) (make-list 1000 i))'

# ---- v1: each function leaves log.vtrace ------------------------------------------------------------

guile()     { valktrace record -q -o log.vtrace -- guile -c "$guile_code"; }
lz4()       { valktrace record -q --codec lz4 -o log.vtrace -- guile -c "$guile_code"; }
none()      { valktrace record -q --codec none -o log.vtrace -- guile -c '(make-list 100000 1)'; }
processes() { valktrace record -q -o log.vtrace -- sh -c "guile -c '$guile_code'; guile -c '(gc)' & wait"; }
kinds()     { "$build/tests/kinds" log.vtrace; }
overwritten() { VALKTRACE=ring-size=16K,flush=30ms "$build/tests/conserve" 1 2500 overwrite log.vtrace; }
discarded()   { VALKTRACE=ring-size=16K,flush=30ms "$build/tests/conserve" 1 2500 discard log.vtrace; }

endless='(let loop () (make-list 1000 1) (loop))'

killed()
{
	# Its parent must not be us: bash would report the death.
	valktrace record -q -o log.vtrace -- sh -c "guile -c '$endless' & sleep 0.2; kill -KILL \$!; wait" || true
}

# The recorder dies: the log is not closed, and its ring file is not sent along.
unclosed()
{
	valktrace record -q --flush 100ms -o log.vtrace -- sh -c "exec guile -c '$guile_code (sleep 60)'" &
	local recorder=$! guile
	sleep 1.5
	guile=$(cat "/proc/$recorder/task/$recorder/children")
	kill -KILL $recorder
	wait $recorder 2>/dev/null || true
	kill -KILL $guile 2>/dev/null || true
	rm -rf run/valktrace
}

for name in guile lz4 none processes kinds overwritten discarded killed unclosed; do
	if [ -e "$v1/$name.vtrace" ] && [ "$force" != --force ]; then
		continue
	fi
	# How much is lost is a matter of luck: as often as it takes.
	for try in $(seq 20); do
		rm -f log.vtrace
		$name >out 2>err || { cat err >&2; exit 1; }
		size=$(stat -c %s log.vtrace)
		lost=$(valktrace info --json log.vtrace 2>/dev/null | jq .lost)
		case $name in
		overwritten|discarded) [ "$lost" -gt 0 ] || continue ;;
		esac
		[ "$size" -gt 16384 ] || break
	done
	[ "$size" -le 16384 ] || { echo "make_fixtures.sh: $name: $size bytes is too much" >&2; exit 1; }
	cp log.vtrace "$v1/$name.vtrace"
	chmod 644 "$v1/$name.vtrace"
	echo "made v1/$name.vtrace, $size bytes"
done

for log in "$v1"/*.vtrace; do
	status=0
	valktrace decode --format json "$log" >json 2>/dev/null || status=$?
	printf '%s\t%s\t%s\t%s\n' "$(basename "$log")" $status \
		"$(valktrace info --json "$log" 2>/dev/null | jq -r '[.events, .lost, .closed] | @tsv')" \
		"$(md5sum <json | cut -d ' ' -f 1)"
done >expected
cp expected "$v1/expected"

# ---- bad: damage of v1/guile.vtrace ------------------------------------------------------------------

/usr/bin/python3 - "$root/tests" "$v1/guile.vtrace" "$bad" <<'PYTHON'
import struct
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import spec_reader

with open(sys.argv[2], 'rb') as f:
    good = f.read()
chunks = spec_reader.Log(good).chunks
at, total, _, _ = next(c for c in chunks if c[2] == spec_reader.EVENTS)
first = chunks[0][0]
expected = []


def make(name, data, status, message):
    with open('%s/%s.vtrace' % (sys.argv[3], name), 'wb') as f:
        f.write(data)
    expected.append('%s.vtrace\t%d\t%s\n' % (name, status, message))


def patched(offset, data):
    return good[:offset] + data + good[offset + len(data):]


def header(offset, data):
    """A changed field of the file header, with its crc made right."""
    h = patched(offset, data)[:124]
    return h + struct.pack('<I', spec_reader.crc32c(h)) + good[128:]


def chunk(offset, data):
    """The same for the header of the chunk of events and its trailer."""
    h = patched(at + offset, data)[at:at + 124]
    crc = struct.pack('<I', spec_reader.crc32c(h))
    out = good[:at] + h + crc + good[at + 128:]
    return out[:at + total - 12] + crc + out[at + total - 8:]


make('empty', b'', 4, '^valktrace: .*empty.vtrace: ')
make('text', b'This is a text, and not a log, whatever its name says.\n' * 8, 4, 'not a valktrace file')
make('elf', b'\x7fELF\x02\x01\x01' + bytes(300), 4, 'not a valktrace file')
make('header-cut', good[:100], 4, 'ends too early')
make('header-crc', patched(24, b'\xff'), 4, 'checksum')
make('major-2', header(8, b'\2\0'), 5, 'newer')
make('incompat', header(16, b'\1\0\0\0'), 5, 'feature')
make('chunk-cut', good[:at + total // 2], 3, 'E07 truncated-tail at 0x%x' % at)
make('chunk-mark', patched(at, b'X'), 3, 'E[0-9]+ .* at 0x%x' % at)
make('chunk-crc', patched(at + 24, b'\xff\xff\xff\x7f'), 3, 'E[0-9]+ .* at 0x%x' % at)
make('chunk-stored-huge', chunk(24, b'\xff\xff\xff\xff'), 3, 'E[0-9]+ .* at 0x%x' % at)
make('chunk-length-odd', chunk(16, b'\x81\0'), 3, 'E[0-9]+ .* at 0x%x' % at)
at, total, _, _ = next(c for c in chunks if c[2] == spec_reader.COUNTERS)
make('chunk-type-unknown', chunk(18, b'\x63\0'), 3, 'E[0-9]+ .* at 0x%x' % at)
at, total, _, _ = next(c for c in chunks if c[2] == spec_reader.EVENTS)
make('section-table', patched(at + 128 + 16, b'\xff\xff\xff\xff'), 3, 'E[0-9]+ .* at 0x')
make('section-bytes', patched(at + total - 40, b'\xff\x00\xff\x00'), 3, 'E[0-9]+ .* at 0x')
make('schema-bytes', patched(first + 200, b'\xff\x00\xff\x00'), 3, 'E[0-9]+ .* at 0x')
make('tail', patched(len(good) - 8, b'\xff'), 3, 'E06 ')
with open(sys.argv[3] + '/expected', 'w') as f:
    f.writelines(expected)
print('made %d of bad/' % len(expected))
PYTHON

#!/bin/bash
# readme.sh - what README.md shows is true: its shell blocks run, its C block compiles against the
# installed headers and library, links by pkg-config, runs, and leaves the log that it promises.
. "$(dirname "$0")/lib.sh"

# block LANGUAGE: the fenced blocks of one language
block()
{
	awk -v fence='```'"$1" '$0 == fence { on = 1; next } /^```/ { on = 0 } on' "$ROOT/README.md"
}

# ---- shell ----------------------------------------------------------------------------------------

cat >program.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 30000)) (make-list 1000 i))
SCHEME
block sh >commands
ok 'there are commands to try' test "$(wc -l <commands)" -ge 10
while IFS= read -r line; do
	[ -n "$line" ] || continue
	command=$(sed 's/  *# .*//' <<<"$line")
	out=$(bash -o pipefail -c "$command" 2>err </dev/null)
	status=$?
	# head may leave before its writer has finished.
	[ $status -eq 141 ] && [[ $command == *'| head' ]] && status=0
	if [ $status -ne 0 ] && [[ $command == *promtool* ]] && [ $status -eq 3 ]; then status=0; fi
	if [ $status -eq 0 ]; then pass "$command"; else fail "$command" "exit $status; $(cat err)"; fi
	case $command in
	*record*|*promtool*|*' -o '*|*min-duration*|*'>='*) ;;
	*) ok "... prints something: $command" test -n "$out" ;;
	esac
done <commands

# ---- the text -------------------------------------------------------------------------------------

has 'no licence is claimed' "$(cat "$ROOT/README.md")" 'has not named a licence yet'
is 'every make target named is there' "$(
	{ grep -oE '`make [a-z-]+' "$ROOT/README.md" | cut -d ' ' -f 2
	  grep -oE '^    make [a-z-]+' "$ROOT/README.md" | awk '{ print $2 }'; } | sort -u |
	while read -r target; do
		grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" "$ROOT/Makefile" "$ROOT/tests/tests.mk" \
			"$ROOT/.packaging/install.mk" ||
			echo "$target"
	done)" ''
is 'every file named is there' "$(
	grep -oE '`(tests|include|core|collectors|decoder|fixtures|\.ci)/[A-Za-z0-9_./-]+`' "$ROOT/README.md" |
	tr -d '`' | grep -v NAME | sort -u | while read -r file; do
		[ -e "$ROOT/$file" ] || echo "$file"
	done)" ''

# ---- the tables of sources ----------------------------------------------------------------------------

sed -n '/^## Sources/,/^## Licence/p' "$ROOT/README.md" | grep '^| ' >sources
# ranges LETTER: the numbers of the first column, one a line
ranges()
{
	sed -nE "s/^\| $1([0-9]+)(-$1([0-9]+))? \|.*/\\1 \\3/p" sources |
		while read -r first last; do seq "$first" "${last:-$first}"; done
}
is 'items 1-68, each once and in order' "$(ranges '' | xargs)" "$(seq -s ' ' 68)"
is 'mistakes B1-B62, each once and in order' "$(ranges B | xargs)" "$(seq -s ' ' 62)"

# What a name is, is seen from its form; what has none of these forms is not there.
valktrace schema --metrics | grep -oE '^valk_[a-z0-9_]+' >families
valktrace schema | grep -oE '^[a-z]+\.[a-z_]+ ' | tr -d ' ' >events
# Some families come with the run, not with the schema.
valktrace record -q --collect perf-system --perf-cores 977 -o families.vtrace -- bash -c 'cat /dev/null'
valktrace decode -q --format prometheus families.vtrace | awk '$1 == "#" && $2 == "TYPE" { print $3 }' >>families
valktrace decode -q --format metrics-json families.vtrace | jq -r '.[] | keys[]' >keys
is_there()
{
	local name=$1
	case $name in
	valk_*)              grep -qx "$name" families || grep -rqF "\"$name\"" "$ROOT/collectors" ;;
	vt_*|VT_*)           grep -qw "$name" "$ROOT"/include/*.h "$ROOT"/include/valktrace/*.h ;;
	\"*\")               grep -qx "${name//\"/}" keys ;;
	*/*)                 [ -e "$ROOT/$name" ] ;;
	make\ *)             grep -qE "^([a-z-]+ )*${name#make }( [a-z-]+)*:" "$ROOT/Makefile" "$ROOT/tests/tests.mk" ;;
	[a-z]*\ --[a-z]*)    valktrace ${name%% *} --help | grep -qE -- "^ .* ${name#* }( |\$)" ;;
	decode|report|summary) valktrace "$name" --help >/dev/null ;;
	other)               grep -qF 'phase=\"other\"' "$ROOT/include/valktrace/schema.def" ;;
	perf\ stat)          true ;;
	*.*)                 grep -qx "$name" events ;;
	*)                   return 1 ;;
	esac
}
is 'every name in them exists' "$(grep -o '`[^`]*`' sources | tr -d '`' | sort -u |
	while IFS= read -r name; do is_there "$name" || echo "$name"; done)" ''
is 'a name that does not exist is found' "$(for name in valk_gc_nothing vt_nothing gc.nothing 'decode --nothing' \
	'"nothing"' tests/nothing 'make nothing' nothing; do is_there "$name" || echo -n x; done)" xxxxxxxx

# ---- the C block ------------------------------------------------------------------------------------

if [ -n "${SAN-}" ]; then
	skip 'embedding' 'a sanitized library wants a sanitized program'
	finish
fi
block c >tinylisp.c
cat >tinylisp.h <<'C'
#include <stdlib.h>
#include <uv.h>
#define TL_VERSION "0.9.2"
struct tl_vm { size_t used, limit; unsigned left; };
static inline void tl_mark(struct tl_vm *vm) { vm->left--; }
static inline size_t tl_sweep(struct tl_vm *vm) { vm->used = 1000; return 5000; }
void tl_collect(struct tl_vm *vm);
static inline void tl_tick(uv_timer_t *t)
{
	struct tl_vm *vm = t->data;
	tl_collect(vm);
	if (vm->left == 0)
		uv_timer_stop(t);
}
static inline int tl_main(int argc, char **argv)
{
	struct tl_vm vm = { 6000, 65536, (unsigned)atoi(argv[argc - 1]) };
	uv_timer_t timer = { .data = &vm };
	uv_timer_init(uv_default_loop(), &timer);
	uv_timer_start(&timer, tl_tick, 1, 1);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	return 4;
}
C
ok 'make install' make -s -C "$ROOT" install PREFIX="$WORK/usr"
export PKG_CONFIG_PATH=$WORK/usr/lib/pkgconfig
ok 'the C block compiles and links' ${CC:-gcc} -std=c11 -Wall -Wextra -Werror -D_GNU_SOURCE -o tinylisp tinylisp.c \
	$(pkg-config --cflags --libs valktrace) -luv
LD_LIBRARY_PATH=$WORK/usr/lib VALKTRACE=output=tiny.vtrace ./tinylisp 7 >out 2>err
is 'it runs on, whatever is recorded' "$? $(cat out err)" '4 '
is 'its collections are in the log' \
	"$(valktrace decode --event gc.end tiny.vtrace | grep -c 'reclaimed=')" 7
is '... with their phases' "$(valktrace decode --event 'gc.mark_end,gc.sweep_end' tiny.vtrace | wc -l)" 14
has '... and its name and version' "$(valktrace info tiny.vtrace)" '^program +tinylisp 0\.9\.2'
ok 'its loop was watched' test "$(valktrace decode --format prometheus tiny.vtrace |
	awk '$1 == "valk_loop_iterations_total" { print $2 }')" -gt 6
has 'the installed tool finds its agent' "$("$WORK/usr/bin/valktrace" record -o x.vtrace -- \
	guile program.scm 2>&1)" 'found boehm-gc'
finish

#!/bin/bash
# Builds and runs every SPIN model: correct variants must hold with a complete search, mutants must fail.
#   tests/model/run.sh [MODEL...]     OUT=DIR keeps the build there, JOBS=N sets how many run at once (2),
#                                     FULL=1 adds the larger sizes (minutes, 3 GB)
# One line each: model, variant, expected, result, states stored, seconds; then `N passed, N failed`.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)

jobs_table() {
	cat <<'TABLE'
ring      holds  -DNSEG=3 -DNEV=9 -DROUNDS=3
lifecycle holds
ring      holds  -DNEV=10
ring      holds  -DANYORDER -DNEV=5
ring      holds  -DANYLEN -DNEV=4
ring      holds  -DPLAIN -DNEV=5
ring      holds  -DNEV=8
ring      holds  -DNEV=6
discard   holds
wake      holds
wake      holds  -DSPLIT -DNENT=1
wake      holds  -DSPLIT -DNP=1 -DNENT=3
nest      holds
nest      holds  -DJUMP
ticks     holds
ring      fails  -DNO_WFENCE -DNEV=5
ring      fails  -DNO_WFENCE -DNEV=5 -DLIVE_ONLY
ring      fails  -DNO_RFENCE
ring      fails  -DCOMMIT_RELAXED
ring      fails  -DCOMMIT_FIRST
ring      fails  -DCOMMIT_FIRST -DLIVE_ONLY
ring      fails  -DHORIZON_LATE
ring      fails  -DHORIZON_LATE -DLIVE_ONLY
ring      fails  -DHORIZON_SHORT
ring      fails  -DHORIZON_SHORT -DLIVE_ONLY
ring      fails  -DHDR_LATE
ring      fails  -DHDR_LATE -DLIVE_ONLY
ring      fails  -DLOAD_HOISTED
ring      fails  -DNO_PAD
ring      fails  -DNO_PAD -DLIVE_ONLY
ring      fails  -DEMITTED_EARLY
ring      fails  -DEMITTED_EARLY -DLIVE_ONLY
discard   fails  -DCOMMIT_RELAXED
discard   fails  -DCOMMIT_FIRST
discard   fails  -DCOMMIT_FIRST -DLIVE_ONLY
discard   fails  -DLOAD_HOISTED
discard   fails  -DTAIL_EARLY
discard   fails  -DTAIL_EARLY -DLIVE_ONLY
discard   fails  -DNO_CHECK
discard   fails  -DCHECK_SHORT
discard   fails  -DNO_DEDUP
discard   fails  -DNOLOG_LOW
discard   fails  -DNO_COUNT
lifecycle fails  -DCLOSING_RELAXED
lifecycle fails  -DCOMMIT_EARLY
lifecycle fails  -DFREE_FIRST
lifecycle fails  -DGEN_FIRST
lifecycle fails  -DNO_DEDUP
lifecycle fails  -DNO_LOCK
lifecycle fails  -DTID_STALE
lifecycle fails  -DCLOSING_FLAG
lifecycle fails  -DBASE_LATE
lifecycle fails  -DNO_MARK
lifecycle fails  -DCLOSE_FIRST
lifecycle fails  -DFLAG_TID
wake      fails  -DNO_PFENCE
wake      fails  -DNO_RFENCE
wake      fails  -DNO_RECHECK
wake      fails  -DNO_COMPARE
wake      fails  -DNO_CLEAR
wake      fails  -DCLEAR_LATE
wake      fails  -DSPLIT -DNO_PFENCE
wake      fails  -DSPLIT -DNO_RFENCE
wake      fails  -DSPLIT -DSEEN_LATE
nest      fails  -DPOS_EARLY
nest      fails  -DNO_GUARD
nest      fails  -DNESTED_RMW
nest      fails  -DCLAIM_OPEN
nest      fails  -DJUMP -DONE_WORD
nest      fails  -DJUMP -DNO_RECOUNT
nest      fails  -DJUMP -DTAKE_STORE
nest      fails  -DJUMP -DRECOUNT_FIRST
ticks     fails  -DNO_ENTER
ticks     fails  -DENTER_LATE
ticks     fails  -DFORWARD_ONLY
ticks     fails  -DZEROEXT
ticks     fails  -DSEG_NOW
ticks     fails  -DPREV_LOST
ticks     fails  -DID_ZERO
TABLE
	[ "${FULL-0}" = 0 ] || cat <<'TABLE'
ring      holds  -DANYORDER
ring      holds  -DANYLEN -DNEV=5
ring      holds  -DPLAIN -DNEV=8
discard   holds  -DROUNDS=3
discard   holds  -DNSEG=3 -DNEV=6
lifecycle holds  -DMAXD=2
wake      holds  -DSPLIT
nest      holds  -DNSIG=4
nest      holds  -DJUMP -DNSIG=4
TABLE
}

# one NUMBER MODEL EXPECTED [-D...]: builds and runs one variant, leaves its line in OUT/NUMBER.line
one() {
	local n=$1 model=$2 expected=$3 result=broken states=-
	shift 3
	local dir=$OUT/$n t0=$EPOCHREALTIME t1
	mkdir -p "$dir" && cd "$dir" || return

	# A search for a proof is worth an optimised build, a counterexample is found before that is done.
	local opt=-O0
	[ "$expected" = holds ] && opt=-O2
	# The models share all they do, so partial order reduction has nothing to reduce.  A state without a
	# successor is normal (-E) where the memory system just stops, and an error in lifecycle and wake.
	case $model in
	lifecycle|wake)	set -- "$@" -- ;;
	*)		set -- "$@" -- -E ;;
	esac
	local defs=()
	while [ "$1" != -- ]; do defs+=("$1"); shift; done
	shift

	if spin -a "${defs[@]}" "$here/$model.pml" >spin.log 2>&1 &&
	   gcc -w "$opt" -DSAFETY -DNOREDUCE -DMEMLIM=3000 -o pan pan.c >gcc.log 2>&1
	then
		timeout 600 ./pan "$@" -m200000 -w22 >pan.log 2>&1
		states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
		case ${states:=-} in *e*) states=$(printf '%.0f' "$states") ;; esac
		if grep -Eq 'max search depth too small|out of memory|hash table full|VECTORSZ' pan.log; then
			result=incomplete
		elif grep -q 'errors: 0$' pan.log && ! grep -q 'Search not completed' pan.log; then
			result=holds
		elif grep -q '^pan:1: assertion violated (' pan.log && grep -q 'errors: [1-9]' pan.log; then
			result=fails
		elif grep -q '^pan:1:' pan.log; then
			result=$(sed -n 's/^pan:1: //; s/ (at depth.*//; s/ /-/gp' pan.log | head -n 1)
		fi
	fi
	t1=$EPOCHREALTIME
	rm -f pan pan.[bchmpt]* ./*.trail
	local ok=ok
	[ "$result" = "$expected" ] || ok=FAILED
	printf '%-9s %-30s expected %s  %-6s %9s states %6.1f s  %s\n' "$model" "${defs[*]:-as it is}" \
		"$expected" "$result" "$states" "$(((${t1/./} - ${t0/./}) / 100000))e-1" "$ok" >"$OUT/$n.line"
}

if [ "${1-}" = --one ]; then
	shift
	one "$@"
	exit 0
fi

if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
	echo "run.sh: needs spin and gcc (apt-get install spin gcc)" >&2
	echo "0 passed, 1 failed"
	exit 1
fi
if [ -z "${OUT-}" ]; then
	OUT=$(mktemp -d) || exit 1
	trap 'rm -rf "$OUT"' EXIT
fi
mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) || exit 1
export OUT

want=" $* "
rm -f "$OUT"/*.line
jobs_table | nl -w 3 -n rz -s ' ' |
	while read -r n model rest; do
		[ $# -gt 0 ] && [[ $want != *" $model "* ]] && continue
		echo "$n $model $rest"
	done >"$OUT/jobs"
xargs -P "${JOBS:-2}" -L 1 bash "$here/run.sh" --one <"$OUT/jobs"

total=$(wc -l <"$OUT/jobs")
passed=0
while read -r n model expected defs; do
	if [ -f "$OUT/$n.line" ]; then
		cat "$OUT/$n.line"
		[[ $(<"$OUT/$n.line") == *" ok" ]] && passed=$((passed + 1))
	else
		echo "$model ${defs:-as it is}: did not run"
	fi
done <"$OUT/jobs"
echo "$passed passed, $((total - passed)) failed"
[ "$total" -gt 0 ] && [ "$passed" -eq "$total" ]

#!/bin/bash
# fuzz.sh - the fuzz targets over all fixtures and a few thousand changed copies of them, the same ones each time;
# `make fuzz` looks for more. An input that breaks one is in fixtures/fuzz when its fault is mended.
. "$(dirname "$0")/lib.sh"

# How many a second of either build can do.
changes()
{
	case $1 in
	log|pages|ring) echo 600 ;;
	where)          echo 2000 ;;
	*)              echo 5000 ;;
	esac
}

cd "$ROOT" || exit 1            # fuzz_where reads a fixture
for target in tests/fuzz/fuzz_*.c; do
	name=$(basename "$target" .c)
	name=${name#fuzz_}
	mapfile -t seeds < <(tests/fuzz/seeds.sh "$name")
	ok "$name has seeds" test -n "${seeds[*]}"
	said=$(cd "$ROOT" && CRASH=$WORK/crash.$name timeout 120 "$BUILD/tests/fuzz/$name.replay" -n "$(changes "$name")" \
		"${seeds[@]}" 2>&1)
	if [[ $said == ok* ]]; then
		pass "$name: ${said#ok }"
	else
		mkdir -p "$BUILD/tests/log"
		cp "$WORK/crash.$name" "$BUILD/tests/log/"
		fail "$name: the input is in $BUILD/tests/log/crash.$name" "$said"
	fi
done
# A target that reads nothing finds nothing.
is 'replay says what it read' "$(CRASH=$WORK/crash "$BUILD/tests/fuzz/cgroup.replay" fixtures/proc)" \
	"ok $(find fixtures/proc -type f | wc -l) files, 0 changes"
finish

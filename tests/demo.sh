#!/bin/bash
# demo.sh BUILD - records a Scheme program under an unmodified Guile and reads the log, as a user would
# type it. `make demo` installs, builds and calls it.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/fixtures/demo.scm" "$work"
cd "$work"
export PATH="$build:$PATH" GUILE_AUTO_COMPILE=0

# run COMMAND: shows it and runs it.
run()
{
	printf '\n$ %s\n' "$1"
	bash -c "$1"
}

run 'valktrace record -- guile demo.scm'
run 'valktrace decode --category gc | head'
run 'valktrace decode --event gc.pause_end | tail -n 3'
run 'valktrace summary'
printf '\nThe log: %s bytes. README.md has more; `valktrace --help` too.\n' \
	"$(stat -c %s valktrace.vtrace)"

#!/bin/bash
# manpages.sh - each page of `valktrace man` is good scdoc, and what scdoc makes of it good roff.
. "$(dirname "$0")/lib.sh"

if ! command -v scdoc >/dev/null || ! command -v groff >/dev/null; then
	skip 'manual pages' 'scdoc or groff is not installed'
	pass 'nothing to try'
	finish
fi
commands=$(valktrace --help | awk '/^(commands|for packagers)$/ { on = 1; next } /^$/ { on = 0 } on { print $1 }')
for command in '' $commands; do
	page=valktrace${command:+-$command}
	valktrace man $command >$page.scd
	if scdoc <$page.scd >$page.1 2>err; then pass "$page: scdoc"; else fail "$page: scdoc" "$(cat err)"; fi
	is "$page: groff has nothing to say" "$(groff -man -Tutf8 -ww -z $page.1 2>&1)" ''
	text=$(groff -man -Tascii -P-c -P-b -P-u $page.1 2>/dev/null)
	has "$page: its name" "$text" "^ +$page - "
	[ -n "$command" ] || continue
	# No option of --help is missing, and nothing of the source shines through.
	missing=
	for option in $(valktrace $command --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
		grep -q -- "$option" <<<"$text" || missing="$missing $option"
	done
	is "$page: every option" "$missing" ''
	ok "$page: no stray markup" bash -c "! grep -E '\\\\|\\*-|(^| )_[A-Z]+_' <<<\"\$1\"" - "$text"
done
has 'all pages are named in valktrace(1)' "$(groff -man -Tascii -P-c -P-b -P-u valktrace.1)" 'valktrace-schema\(1\)'
is 'an unknown page' "$(valktrace man decoed 2>&1)" \
	"valktrace: man: unknown command 'decoed', did you mean 'decode'? (valktrace --help lists them)"
if command -v man >/dev/null; then
	has 'man shows it' "$(MANWIDTH=80 man -l valktrace-decode.1 2>&1)" 'valktrace decode \[options\]'
else
	skip 'man -l' 'man is not installed'
fi
finish

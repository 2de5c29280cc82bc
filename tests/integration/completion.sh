#!/bin/bash
# completion.sh - the scripts that `valktrace completion` prints, as bash and zsh run them.
. "$(dirname "$0")/lib.sh"

valktrace completion bash >bash.sh
valktrace completion zsh >_valktrace
ok 'bash: the script parses' bash -n bash.sh
ok 'no shell, no script' test "$(valktrace completion fish 2>&1 >/dev/null)" = \
	'valktrace: completion: name one shell, bash or zsh'
touch a.vtrace b.vring c.txt
mkdir logs

# complete WORD...: what bash proposes for the last word, sorted, in one line
complete_words()
{
	bash --norc -c '. ./bash.sh; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _valktrace
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | LC_ALL=C sort | paste -sd ' ' -
}

commands=$(valktrace --help | awk '/^(commands|for packagers)$/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' |
	LC_ALL=C sort | paste -sd ' ' -)
is 'bash: commands' "$(complete_words valktrace '')" "--help --version $commands"
is 'bash: a command begun' "$(complete_words valktrace re)" 'record recover report'
is 'bash: formats' "$(complete_words valktrace decode --format '')" \
	"$(valktrace decode --format none 2>&1 | sed 's/.*valid: //' | tr ' ' '\n' | LC_ALL=C sort | paste -sd ' ' -)"
is 'bash: the short option' "$(complete_words valktrace decode -F k)" 'kernel kernel-events'
is 'bash: --time' "$(complete_words valktrace decode --time '')" 'mono rel ticks utc'
is 'bash: --color=WHEN, as bash splits it' "$(complete_words valktrace info --color = al)" always
is 'bash: --color= and nothing' "$(complete_words valktrace info --color =)" 'always auto never'
is 'bash: codecs' "$(complete_words valktrace record --codec '')" 'lz4 none zstd'
is 'bash: modes' "$(complete_words valktrace record --mode o)" overwrite
is 'bash: categories' "$(complete_words valktrace decode --category g)" gc
is 'bash: the second category' "$(complete_words valktrace decode -c loop,g)" loop,gc
is 'bash: a category left out' "$(complete_words valktrace decode -c '!g')" '!gc'
is 'bash: events' "$(complete_words valktrace decode --event gc.pause)" 'gc.pause gc.pause_end'
is 'bash: options' "$(complete_words valktrace summary --j)" --json
is 'bash: common options' "$(complete_words valktrace schema --no)" --no-progress
is 'bash: logs, rings and folders' "$(complete_words valktrace summary '')" 'a.vtrace b.vring logs'
is 'bash: any file for -o' "$(complete_words valktrace decode -o c)" c.txt
is 'bash: folders for --ringdir' "$(complete_words valktrace record --ringdir '')" logs
is 'bash: a number is not proposed' "$(complete_words valktrace decode --limit '')" ''
has 'bash: a program behind --' "$(complete_words valktrace record -- bas)" '(^| )bash( |$)'
is 'bash: its files' "$(complete_words valktrace record -- bash c)" 'c.txt'
is 'bash: help' "$(complete_words valktrace help su)" summary
is 'bash: man' "$(complete_words valktrace man de)" decode
is 'bash: completion' "$(complete_words valktrace completion z)" zsh
for command in $commands; do
	for option in $(valktrace $command --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
		[[ " $(complete_words valktrace "$command" "$option") " == *" $option "* ]] ||
			fail "bash: $command $option is proposed"
	done
	pass "bash: all options of $command"
done

if ! command -v zsh >/dev/null; then
	skip zsh 'zsh is not installed'
	finish
fi
ok 'zsh: the script parses' zsh -n _valktrace
# A real zsh on a terminal of its own: what is listed after a tab.
zsh_words()     # LINE: what the screen shows when tab is pressed behind it
{
	zsh -f -c '
		zmodload zsh/zpty
		zpty z "TERM=dumb PS1=READY LISTMAX=0 zsh -f -i"
		zpty -w z "fpath=('"$PWD"' \$fpath); autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste menucomplete automenu; setopt listrowsfirst; zstyle \":completion:*\" menu no; bindkey \"^I\" expand-or-complete"
		zpty -w z "print LOA""DED"
		zpty -r -m z out "*LOADED*" || exit 1
		zpty -w -n z "$1"$'"'\\t\\t'"'
		sleep 1
		while zpty -r -t z line; do print -rn -- "$line"; done
		zpty -d z' zsh "$1" 2>&1 | tr -d '\r' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'
}
has 'zsh: commands' "$(zsh_words 'valktrace re')" '^recover +--'
out=$(zsh_words 'valktrace decode --format=')
has 'zsh: formats' "$out" 'csv.*json|json.*csv'
has 'zsh: options with their help' "$(zsh_words 'valktrace summary --')" '--json +-- one line of JSON'
has 'zsh: one choice is put in' "$(zsh_words 'valktrace decode --time=ut')" 'time=utc'
has 'zsh: categories' "$(zsh_words 'valktrace decode --category=inte')" 'category=interp'
has 'zsh: logs' "$(zsh_words 'valktrace summary a')" 'summary a.vtrace'

finish

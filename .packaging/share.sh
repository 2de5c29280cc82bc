#!/bin/bash
# share.sh TOOL DIR - what goes to share/: man pages and completions, all printed by the tool itself.
#
# DIR then looks as PREFIX/share will. Without scdoc there are no man pages, and one line says so.
set -eu
tool=$1 dir=$2
rm -rf "$dir"
mkdir -p "$dir"
# scdoc's footer has a date: that of the sources, so that two builds are equal.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

# page FILE [COMMAND]
page()
{
	"$tool" man "${@:2}" >"$dir/source"
	scdoc <"$dir/source" >"$dir/man/man1/$1"
	rm "$dir/source"
}

if ! "$tool" man >/dev/null 2>&1; then
	echo "note: this valktrace has no command 'man' yet: no man pages"
elif ! command -v scdoc >/dev/null; then
	echo 'note: scdoc is not installed: no man pages (apt-get install scdoc)'
else
	mkdir -p "$dir/man/man1"
	page valktrace.1
	commands=$("$tool" --help | awk '$0 == "commands" { on = 1; next } !NF { on = 0 } on { print $1 }')
	[ -n "$commands" ] || { echo 'share.sh: valktrace --help lists no commands' >&2; exit 1; }
	for command in $commands; do
		page "valktrace-$command.1" "$command"
	done
fi

if ! "$tool" completion bash >/dev/null 2>&1; then
	echo "note: this valktrace has no command 'completion' yet: no completions"
else
	mkdir -p "$dir/bash-completion/completions" "$dir/zsh/vendor-completions"
	"$tool" completion bash >"$dir/bash-completion/completions/valktrace"
	"$tool" completion zsh >"$dir/zsh/vendor-completions/_valktrace"
fi

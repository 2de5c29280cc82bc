#!/bin/bash
# embed.sh NAME FILE... - the files, one behind the other, as the C array vt_report_NAME, and what a content
# security policy calls them, vt_report_NAME_hash. Links to source maps are left out: nothing is fetched.
set -eu -o pipefail
export LC_ALL=C
name=$1
shift
text=$(mktemp)
trap 'rm -f "$text"' EXIT
sed -E '/^\/[\/*]# sourceMappingURL=/d' "$@" >"$text"
# Inside <script> and <style> only these could end the element, or hide its end.
if [ "$name" != html ] && grep -qiE '</(script|style)|<!--' "$text"; then
	echo "embed.sh: $*: '</script', '</style' or '<!--' in it" >&2
	exit 1
fi
digest=$(sha256sum "$text")
hash=$(printf "$(sed 's/../\\x&/g' <<<"${digest%% *}")" | base64)
echo "const char vt_report_${name}_hash[] = \"sha256-$hash\";"
echo "const char vt_report_$name[] = {"
od -An -v -td1 -w32 "$text" | sed -E 's/ +/,/g; s/^,//; s/$/,/'
echo "0 };"

for c in "" decode info record recover schema summary verify; do
	valktrace $c --help | awk -v c="$c" "length(\$0) > 80 { print c \": \" \$0; bad = 1 } END { exit bad }" || exit 1
done

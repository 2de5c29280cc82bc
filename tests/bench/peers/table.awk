# table.awk - of lines `COLUMN FIGURE VALUE`: medians (after SIGKILL: sums) side by side, at most 80 columns.

{ at[$1, $2, n[$1, $2]++] = $3 + 0 }

# Sorts the values of a figure; returns how many there are.
function sorted(column, name,   i, j, t, k)
{
	k = n[column, name] + 0
	for (i = 1; i < k; i++)
		for (j = i; j > 0 && at[column, name, j - 1] > at[column, name, j]; j--) {
			t = at[column, name, j]
			at[column, name, j] = at[column, name, j - 1]
			at[column, name, j - 1] = t
		}
	return k
}

function median(column, name,   k)
{
	k = sorted(column, name)
	return at[column, name, int(k / 2)]
}

function sum(column, name,   i, s)
{
	for (i = 0; i < n[column, name]; i++)
		s += at[column, name, i]
	return s
}

function thousands(value,   left, right)
{
	left = sprintf("%.0f", value)
	while (length(left) > 3) {
		right = "," substr(left, length(left) - 2) right
		left = substr(left, 1, length(left) - 3)
	}
	return left right
}

# decimals -1: a whole number, -2: the sum of all runs
function row(label, name, decimals,   i, v)
{
	printf "%-25s", label
	for (i = 1; i <= count; i++) {
		v = decimals == -2 ? sum(columns[i], name) : median(columns[i], name)
		v = decimals < 0 ? thousands(v) : sprintf("%.*f", decimals, v)
		printf "%11s", n[columns[i], name] ? v : "-"
	}
	print ""
}

END {
	count = split("vt vt8 lttng lttng64 jfr", columns, " ")
	printf "%-25s%11s%11s%11s%11s%11s\n", "", "valktrace", "valktrace", "LTTng-UST", "LTTng-UST", "JFR"
	printf "%-25s%11s%11s%11s%11s%11s\n", "", "default", "8 MiB ring", "default", "16 x 4 MiB", "custom"
	row("producer, ns/event", "ns", 1)
	row("lost of " thousands(events), "lost", -1)
	row("bytes/event on disk", "bytes", 2)
	row("all to text, M events/s", "text", 2)
	row("one rare type, M events/s", "rare", 2)
	row("SIGKILL: emitted", "emitted", -2)
	row("         readable then", "recovered", -2)
	print ""
	printf "Medians of %d runs by turns, after SIGKILL sums. %.1f ns of the first row are the\n", runs,
	       median("generator", "ns")
	print "generator. After SIGKILL: valktrace nothing to do; LTTng stop and destroy, since"
	print "its daemon has the buffers; JFR looks for the chunks in its repository."
	for (i = 1; i <= count; i++) {
		k = sorted(columns[i], "ns")
		q = int(k / 4)          # between the quartiles: one of five may be off on any machine
		s = k ? at[columns[i], "ns", k - 1 - q] - at[columns[i], "ns", q] : 0
		if (s > spread * median(columns[i], "ns"))
			spread = s / median(columns[i], "ns")
	}
	if (spread > 0.2)
		printf "The machine was busy: ns/event differed by up to %.0f %%.\n", 100 * spread
}

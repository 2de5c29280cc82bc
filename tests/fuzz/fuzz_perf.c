/*
 * fuzz_perf.c - what perf prints, cut into lines wherever the pipe cuts it, and lists of events and
 * CPUs.
 */
#include <string.h>

#include "collectors/perf_lines.h"
#include "tests/fuzz/fuzz.h"

static void on_line(void *user, const char *text, size_t length)
{
	struct vt_perf_line line;
	uint64_t *lines = user;

	fuzz_must(length <= VT_PERF_LINE);
	if (!vt_perf_line_read(text, length, &line))
		return;
	(*lines)++;
	fuzz_must(memchr(line.event, 0, sizeof(line.event)) && *line.event);
	fuzz_must(memchr(line.unit, 0, sizeof(line.unit)));
	for (const char *c = line.event; *c; c++)
		fuzz_must(*c >= ' ' && *c <= '~');
	fuzz_must(line.fraction < 1000000000);
	fuzz_must(vt_perf_name_length(line.event) <= strlen(line.event));
	fuzz_must(vt_perf_line_ns(&line) >= line.value);
}

/* In pieces of `step` bytes: the same lines whatever they are. */
static uint64_t split(const uint8_t *data, size_t size, size_t step)
{
	struct vt_perf_splitter s;
	uint64_t lines = 0;

	memset(&s, 0, sizeof(s));
	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		char *piece = fuzz_text(data + at, n);
		vt_perf_split(&s, piece, n, on_line, &lines);
		free(piece);
	}
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), name[VT_PERF_NAME];
	const char *list = text, *before;
	uint64_t scaled;
	bool good;

	fuzz_must(split(data, size, 7) == split(data, size, size + 1));
	for (before = list; vt_perf_next_name(&list, name, &good); before = list) {
		fuzz_must(list > before);
		fuzz_must(strlen(name) < sizeof(name));
	}
	char *second = strchr(text, '\n');
	if (second)
		*second++ = 0;
	vt_perf_cpu_missing(text, second ? second : "0-3,6");
	if (size >= 24) {
		uint64_t v[3];
		memcpy(v, data, sizeof(v));
		vt_perf_scale(v[0], v[1], v[2], &scaled);
	}
	free(text);
	return 0;
}

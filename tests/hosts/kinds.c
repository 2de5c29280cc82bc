/*
 * kinds.c - emits every kind of field there is, in event types of its own and in built-in ones, with
 * values at the ends of their ranges and texts that attack whoever prints them.
 *
 *   kinds LOG
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <valktrace.h>

static const struct vt_field fields[] = {
	{ "count", "any number", VT_KIND_UINT, VT_UNIT_NONE, 0, NULL },
	{ "level", "near the one before", VT_KIND_GAUGE, VT_UNIT_BYTES, 0, NULL },
	{ "offset", "with a sign", VT_KIND_INT, VT_UNIT_NONE, 0, NULL },
	{ "open", "yes or no", VT_KIND_BOOL, VT_UNIT_NONE, 0, NULL },
	{ "ratio", "a double", VT_KIND_FLOAT, VT_UNIT_NONE, 0, NULL },
	{ "name", "a string", VT_KIND_STRING, VT_UNIT_NONE, VT_FIELD_PUBLIC, NULL },
	{ "spent", "may be absent", VT_KIND_UINT, VT_UNIT_NS, VT_FIELD_OPTIONAL, NULL },
	{ "remark", "free text", VT_KIND_TEXT, VT_UNIT_NONE, VT_FIELD_USER, NULL },
};

static const uint64_t numbers[] = {
	0, 1, 2, 3, 15, 16, 255, 256, 65535, 65536, (1ull << 53) - 1, 1ull << 53, INT64_MAX,
	(uint64_t)INT64_MIN, UINT64_MAX - 1, UINT64_MAX,
};

static const char *const texts[] = {
	"", "plain", "two words", "\x1b[31mred\x1b[0m", "line\nfeed\ttab\rreturn", "=1+2", "a,b;\"c\"",
	"\xce\xbb \xe2\x80\xae reversed", "broken \xff\xc3 utf-8", "back\\slash",
};

static uint64_t bits(double value)
{
	uint64_t word;

	memcpy(&word, &value, sizeof(word));
	return word;
}

int main(int argc, char **argv)
{
	const size_t n = sizeof(numbers) / sizeof(*numbers), m = sizeof(texts) / sizeof(*texts);

	if (argc != 2 || vt_start(&(struct vt_options){ .program = "kinds", .version = "1", .output = argv[1],
	                                                .events = "all" }) < 0)
		return 2;
	int category = vt_register_category("shapes", "events of the host");
	int event = category < 0 ? category :
	            vt_register_event(category, "round", "one of each kind", VT_EVENT_INSTANT, fields, 8);
	if (event < 0) {
		fprintf(stderr, "kinds: %s\n", vt_strerror(event));
		return 1;
	}
	vt_enable(1ull << category);
	vt_fact("flavour", "sour", VT_FIELD_PUBLIC);
	for (size_t i = 0; i < n; i++) {
		const char *text = texts[i % m];
		const uint64_t words[] = {
			numbers[i], numbers[n - 1 - i], numbers[i], i % 3 == 0, bits((double)i / 8 - 1),
			vt_string(text), i % 2 ? numbers[i] : 0,
		};

		vt_emit_text((unsigned)event, words, 7, text, strlen(text));
		vt_note(words[5], text);
		VT_EMIT(syscall, call, .number = i, .result = (int64_t)numbers[i], .time = numbers[i] >> 8);
		VT_EMIT(interp, call, .function = i == 5 ? 0 : words[5]);
		VT_EMIT(interp, return, );
		VT_EMIT(gc, refused, .outcome = i % 2 ? VT_gc_outcome_skipped : VT_gc_outcome_refused);
	}
	return vt_stop() < 0;
}

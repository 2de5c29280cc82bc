/*
 * fuzz_options.c - VALKTRACE=, in the environment of any program: all of it, what it means, names
 * made of it.
 */
#include <string.h>

#include <valktrace/error.h>

#include "core/options.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char problem[200], line[1024], path[128], unknown[64];
	char *text = fuzz_text(data, size);
	struct vt_settings s;
	struct vt_resolved r;
	uint64_t categories;

	vt_settings_default(&s);
	int err = vt_settings_parse(&s, text, problem, sizeof(problem));
	fuzz_must(err == 0 || (err == -VT_E_OPTION && *problem && strlen(problem) < sizeof(problem)));
	/* What could be used is within its limits whatever else was wrong. */
	err = vt_settings_resolve(&s, &r, problem, sizeof(problem));
	fuzz_must(err == 0 || (err == -VT_E_OPTION && *problem));
	if (err == 0) {
		fuzz_must(r.codec && r.geometry.segment_size >= VT_MIN_SEGMENT);
		vt_settings_describe(&s, &r, line, sizeof(line));
		fuzz_must(strlen(line) < sizeof(line));
	}
	if (vt_settings_path(text, path, sizeof(path)) == 0)
		fuzz_must(strlen(path) < sizeof(path));
	if (vt_category_set(text, &categories, unknown, sizeof(unknown)) != 0)
		fuzz_must(strlen(unknown) < sizeof(unknown));
	free(text);
	return 0;
}

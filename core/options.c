/* options.c - one table for every way to say an option. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/error.h>

#include "core/options.h"

#define KIND_SIZE VT_OPTION_SIZE
#define KIND_TIME VT_OPTION_TIME
#define KIND_NUMBER VT_OPTION_NUMBER
#define KIND_NAMES VT_OPTION_NAMES
#define KIND_WORD VT_OPTION_TEXT
const struct vt_option_row vt_option_rows[] = {
#define VT_OPTION(field, name, kind, standard, least, most, argument, help) \
	{ name, argument, help, KIND_##kind, offsetof(struct vt_settings, field), standard, least, most },
#include "core/options.def"
};
const unsigned vt_option_count = sizeof(vt_option_rows) / sizeof(vt_option_rows[0]);

static uint64_t *number_of(struct vt_settings *s, const struct vt_option_row *row)
{
	return (uint64_t *)(void *)((char *)s + row->offset);
}

static bool is_text(const struct vt_option_row *row)
{
	return row->kind == VT_OPTION_NAMES || row->kind == VT_OPTION_TEXT;
}

void vt_settings_default(struct vt_settings *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < vt_option_count; i++)
		if (!is_text(&vt_option_rows[i]))
			*number_of(s, &vt_option_rows[i]) = vt_option_rows[i].standard;
}

struct suffix { const char *text; uint64_t factor; };

static const struct suffix sizes[] = {
	{ "", 1 }, { "K", 1ull << 10 }, { "M", 1ull << 20 }, { "G", 1ull << 30 },
	{ "KiB", 1ull << 10 }, { "MiB", 1ull << 20 }, { "GiB", 1ull << 30 }, { NULL, 0 },
};
static const struct suffix times[] = {
	{ "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "", 1000000000 },
	{ "m", 60000000000 }, { "h", 3600000000000 }, { NULL, 0 },
};
static const struct suffix none[] = { { "", 1 }, { NULL, 0 } };

static int parse_number(const char *text, const struct suffix *suffixes, uint64_t *to)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-')
		return -VT_E_OPTION;
	for (; suffixes->text; suffixes++)
		if (strcmp(end, suffixes->text) == 0)
			return __builtin_mul_overflow(n, suffixes->factor, to) ? -VT_E_OPTION : 0;
	return -VT_E_OPTION;
}

static int set_text(struct vt_settings *s, const struct vt_option_row *row, const char *value,
                    char *problem, size_t size)
{
	char *to = (char *)s + row->offset;
	if (strlen(value) >= VT_OPTION_WORD) {
		snprintf(problem, size, "%s: longer than %d bytes", row->name, VT_OPTION_WORD - 1);
		return -VT_E_OPTION;
	}
	strcpy(to, value);
	return 0;
}

int vt_settings_set(struct vt_settings *s, const char *name, const char *value,
                    char *problem, size_t size)
{
	static const struct suffix *const by_kind[] = { sizes, times, none };

	for (unsigned i = 0; i < vt_option_count; i++) {
		const struct vt_option_row *row = &vt_option_rows[i];
		uint64_t n;
		if (strcmp(row->name, name) != 0)
			continue;
		if (is_text(row))
			return set_text(s, row, value, problem, size);
		if (parse_number(value, by_kind[row->kind], &n) < 0) {
			snprintf(problem, size, "%s: '%s' is no %s", name, value, row->argument);
			return -VT_E_OPTION;
		}
		if (n != 0 && (n < row->least || n > row->most)) {
			snprintf(problem, size, "%s: '%s' is out of range", name, value);
			return -VT_E_OPTION;
		}
		*number_of(s, row) = n ? n : row->standard;
		return 0;
	}
	int n = snprintf(problem, size, "unknown option '%s'; known:", name);
	for (unsigned i = 0; i < vt_option_count && n > 0 && (size_t)n < size; i++)
		n += snprintf(problem + n, size - (size_t)n, " %s", vt_option_rows[i].name);
	return -VT_E_OPTION;
}

int vt_settings_parse(struct vt_settings *s, const char *text, char *problem, size_t size)
{
	char copy[4 * VT_OPTION_WORD], ignored[256], *save = NULL;
	int result = 0;

	if (strlen(text) >= sizeof(copy)) {
		snprintf(problem, size, "too long");
		return -VT_E_OPTION;
	}
	strcpy(copy, text);
	for (char *pair = strtok_r(copy, ",", &save); pair; pair = strtok_r(NULL, ",", &save)) {
		char *value = strchr(pair, '=');
		if (value)
			*value++ = 0;
		int err = vt_settings_set(s, pair, value ? value : "", result ? ignored : problem,
		                          result ? sizeof(ignored) : size);
		result = result ? result : err;
	}
	return result;
}

int vt_settings_resolve(const struct vt_settings *s, struct vt_geometry *g, const struct vt_codec **codec,
                        char *problem, size_t size)
{
	enum vt_ring_mode mode = VT_OVERWRITE;
	if (strcmp(s->mode, "discard") == 0)
		mode = VT_DISCARD;
	else if (*s->mode && strcmp(s->mode, "overwrite") != 0) {
		snprintf(problem, size, "mode: '%s' is neither overwrite nor discard", s->mode);
		return -VT_E_OPTION;
	}
	*codec = vt_codec_by_name(*s->codec ? s->codec : "zstd");
	if (!*codec) {
		snprintf(problem, size, "codec: '%s' is none of zstd, lz4, none", s->codec);
		return -VT_E_OPTION;
	}
	vt_geometry_of(g, s->ring_size, mode);
	return 0;
}

static int category_by_name(const char *name)
{
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		const char *known = vt_schema_builtin()->categories[c].name;
		if (known && strcmp(known, name) == 0)
			return (int)c;
	}
	return -1;
}

int vt_category_set(const char *names, uint64_t *set, char *bad, size_t size)
{
	char copy[VT_OPTION_WORD], *save = NULL;

	*set = *names == '!' ? ~0ull : 0;
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(copy, ",+ ", &save); name; name = strtok_r(NULL, ",+ ", &save)) {
		bool take_away = *name == '!';
		int category = category_by_name(name + take_away);
		uint64_t bits = category >= 0 ? 1ull << category : 0;
		if (strcmp(name, "all") == 0)
			bits = ~0ull;
		else if (category < 0 && strcmp(name, "none") != 0) {
			snprintf(bad, size, "%s", name + take_away);
			return -VT_E_UNKNOWN_CATEGORY;
		}
		*set = take_away ? *set & ~bits : *set | bits;
	}
	return 0;
}

/* options.c - one table for every way to say an option. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/options.h"
#include "core/rule.h"

#define KIND_SIZE VT_OPTION_SIZE
#define KIND_TIME VT_OPTION_TIME
#define KIND_NUMBER VT_OPTION_NUMBER
#define KIND_NAMES VT_OPTION_NAMES
#define KIND_WORD VT_OPTION_TEXT
#define KIND_RULES VT_OPTION_RULES
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
	return row->kind >= VT_OPTION_NAMES;
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
	if (errno || *text < '0' || *text > '9')
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

/* Each rule behind those before it. */
static int add_rule(struct vt_settings *s, const struct vt_option_row *row, const char *value,
                    char *problem, size_t size)
{
	char *to = (char *)s + row->offset, text[256] = "";
	size_t n = strlen(to);
	struct vt_rule rule;
	int err = vt_rule_parse(&rule, value, vt_schema_builtin(), text, sizeof(text));

	if (!err && n + strlen(rule.text) + 2 > VT_OPTION_WORD) {
		snprintf(text, sizeof(text), "more rules than fit into %d bytes", VT_OPTION_WORD);
		err = -VT_E_OPTION;
	}
	if (!err && rule.over == VT_OVER_EVENTS) {
		snprintf(text, sizeof(text), "%s is known when the run is over: valktrace check judges it",
		         rule.name);
		err = -VT_E_OPTION;
	}
	if (!err)
		snprintf(to + n, VT_OPTION_WORD - n, "%s;", rule.text);
	else
		snprintf(problem, size, "%s: %s", row->name, text);
	return err ? -VT_E_OPTION : 0;
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
		if (row->kind == VT_OPTION_RULES)
			return add_rule(s, row, value, problem, size);
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

static bool is_names(const char *key)
{
	for (unsigned i = 0; i < vt_option_count; i++)
		if (strcmp(vt_option_rows[i].name, key) == 0)
			return vt_option_rows[i].kind == VT_OPTION_NAMES;
	return false;
}

/* The end of one key=value: the next comma, but a list of names has commas of its own: events=gc,loop,level=1. */
static char *end_of_pair(char *pair)
{
	char key[32] = "";
	size_t length = strcspn(pair, "=,");

	memcpy(key, pair, length < sizeof(key) ? length : sizeof(key) - 1);
	char *end = pair + strcspn(pair, ",");
	while (is_names(key) && *end && end[1 + strcspn(end + 1, "=,")] != '=')
		end += 1 + strcspn(end + 1, ",");
	return end;
}

int vt_settings_parse(struct vt_settings *s, const char *text, char *problem, size_t size)
{
	char copy[4 * VT_OPTION_WORD], ignored[256];
	int result = 0;

	if (strcmp(text, "0") == 0 || strcmp(text, "off") == 0) {
		s->off = true;
		return 0;
	}
	if (strcmp(text, "help") == 0) {
		vt_settings_help(stderr);
		return 0;
	}
	if (strlen(text) >= sizeof(copy)) {
		snprintf(problem, size, "too long");
		return -VT_E_OPTION;
	}
	strcpy(copy, text);
	for (char *pair = copy, *next; *pair; pair = next) {
		char *end = end_of_pair(pair);
		next = *end ? end + 1 : end;
		*end = 0;
		char *value = strchr(pair, '=');
		if (!*pair)
			continue;
		if (value)
			*value++ = 0;
		int err = vt_settings_set(s, pair, value ? value : "", result ? ignored : problem,
		                          result ? sizeof(ignored) : size);
		result = result ? result : err;
	}
	return result;
}

/* "USR2", "SIGUSR2" or "12"; 0: none such. */
static int signal_by_name(const char *name)
{
	char *end;
	long number = strtol(name, &end, 10);

	if (*end == 0 && number > 0 && number < NSIG)
		return (int)number;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && strcmp(sigabbrev_np(i), name) == 0)
			return i;
	return 0;
}

int vt_settings_resolve(const struct vt_settings *s, struct vt_resolved *r, char *problem, size_t size)
{
	bool discard = strcmp(s->mode, "discard") == 0;

	*r = (struct vt_resolved){ .ring_only = strcmp(s->mode, "ring") == 0 };
	if (*s->mode && !discard && !r->ring_only && strcmp(s->mode, "overwrite") != 0) {
		snprintf(problem, size, "mode: '%s' is none of overwrite, discard, ring", s->mode);
		return -VT_E_OPTION;
	}
	r->no_calls = strcmp(s->calls, "off") == 0;
	if (*s->calls && !r->no_calls && strcmp(s->calls, "on") != 0) {
		snprintf(problem, size, "calls: '%s' is neither on nor off", s->calls);
		return -VT_E_OPTION;
	}
	r->codec = vt_codec_by_name(*s->codec ? s->codec : "zstd");
	if (!r->codec) {
		snprintf(problem, size, "codec: '%s' is none of zstd, lz4, none", s->codec);
		return -VT_E_OPTION;
	}
	r->dump_signal = *s->dump_signal ? signal_by_name(s->dump_signal) : 0;
	if (*s->dump_signal && (r->dump_signal == 0 || r->dump_signal == SIGKILL || r->dump_signal == SIGSTOP)) {
		snprintf(problem, size, "dump-signal: '%s' is no signal that can be caught", s->dump_signal);
		return -VT_E_OPTION;
	}
	if (strspn(s->perf_cores, "0123456789,-") != strlen(s->perf_cores) && strcmp(s->perf_cores, "all") != 0) {
		snprintf(problem, size, "perf-cores: '%s' is no list of CPUs such as 0,2-3, nor all", s->perf_cores);
		return -VT_E_OPTION;
	}
	vt_geometry_of(&r->geometry, s->ring_size, discard ? VT_DISCARD : VT_OVERWRITE);
	return 0;
}

void vt_settings_describe(const struct vt_settings *s, const struct vt_resolved *r, char *to, size_t size)
{
#if defined(__x86_64__)
	const char *machine = "x86_64";
#else
	const char *machine = "aarch64";
#endif
	int level = s->level ? (int)s->level : r->codec->level_default;
	snprintf(to, size, "valktrace " VT_VERSION ", %s, %s, %s %d, flush %llu ms", machine,
	         *s->mode ? s->mode : "overwrite", r->codec->name, level,
	         (unsigned long long)(s->flush_ns / 1000000));
}

void vt_settings_help(FILE *to)
{
	fprintf(to, "VALKTRACE=key=value,... for a program that records itself; VALKTRACE=0: off\n");
	for (unsigned i = 0; i < vt_option_count; i++) {
		const struct vt_option_row *row = &vt_option_rows[i];
		fprintf(to, "  %s=%s\n      %s\n", row->name, row->argument, row->help);
	}
}

int vt_settings_path(const char *pattern, char *to, size_t size)
{
	size_t n = 0;

	for (const char *p = pattern; *p && n < size; p++) {
		char text[32] = { *p };
		time_t now = time(NULL);
		struct tm utc;
		if (*p == '%' && p[1] == 'p') {
			snprintf(text, sizeof(text), "%d", (int)getpid());
		} else if (*p == '%' && p[1] == 't') {
			strftime(text, sizeof(text), "%Y%m%dT%H%M%S", gmtime_r(&now, &utc));
		}
		p += *p == '%' && (p[1] == 'p' || p[1] == 't' || p[1] == '%');
		size_t length = strlen(text);
		if (n + length >= size)
			return -ENAMETOOLONG;
		memcpy(to + n, text, length);
		n += length;
	}
	to[n] = 0;
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

static void add_name(char *list, size_t size, const char *name)
{
	size_t n = strlen(list);
	snprintf(list + n, size - n, "%s%s", n > 0 ? "," : "", name);
}

int vt_category_set(const char *names, uint64_t *set, char *unknown, size_t size)
{
	char copy[VT_OPTION_WORD], *save = NULL;

	*set = *names == '!' ? ~0ull : 0;
	snprintf(copy, sizeof(copy), "%s", names);
	*unknown = 0;
	for (char *name = strtok_r(copy, ",+ ", &save); name; name = strtok_r(NULL, ",+ ", &save)) {
		bool take_away = *name == '!';
		int category = category_by_name(name + take_away);
		uint64_t bits = category >= 0 ? 1ull << category : 0;
		if (strcmp(name, "all") == 0)
			bits = ~0ull;
		else if (category < 0 && strcmp(name, "none") != 0)
			add_name(unknown, size, name + take_away);
		*set = take_away ? *set & ~bits : *set | bits;
	}
	return *unknown ? -VT_E_UNKNOWN_CATEGORY : 0;
}

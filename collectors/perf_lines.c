/* perf_lines.c - see perf_lines.h. */
#include <string.h>

#include "collectors/perf_lines.h"

#define BILLION 1000000000u

/* ---- columns ------------------------------------------------------------------------------------------- */

struct column {
	const char *at;
	size_t length;
};

static bool is(const struct column *c, const char *text)
{
	return c->length == strlen(text) && memcmp(c->at, text, c->length) == 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits with at most one point in them, which have both sides. False: something else, or too large. */
static bool read_decimal(const struct column *c, uint64_t *whole, uint32_t *fraction)
{
	uint32_t unit = BILLION / 10;
	size_t i = 0;

	*whole = 0;
	*fraction = 0;
	for (; i < c->length && is_digit(c->at[i]); i++)
		if (__builtin_mul_overflow(*whole, 10u, whole) ||
		    __builtin_add_overflow(*whole, (uint64_t)(c->at[i] - '0'), whole))
			return false;
	if (i == 0)
		return false;
	if (i == c->length)
		return true;
	if (c->at[i++] != '.' || i == c->length)
		return false;
	for (; i < c->length && is_digit(c->at[i]); i++, unit /= 10)
		*fraction += (uint32_t)(c->at[i] - '0') * unit;
	return i == c->length;
}

static bool read_time(struct column c, uint64_t *ns)
{
	uint64_t whole;
	uint32_t fraction;

	while (c.length > 0 && *c.at == ' ')
		c.at++, c.length--;
	return read_decimal(&c, &whole, &fraction) && !__builtin_mul_overflow(whole, (uint64_t)BILLION, ns) &&
	       !__builtin_add_overflow(*ns, (uint64_t)fraction, ns);
}

static bool read_share(const struct column *c, uint32_t *share)
{
	uint64_t whole;
	uint32_t fraction;

	if (!read_decimal(c, &whole, &fraction))
		return false;
	uint64_t millionths = whole < 100 ? whole * 10000 + fraction / 100000 : 1000000;
	*share = (uint32_t)millionths;
	return true;
}

static bool copy(const struct column *c, char *to, size_t size)
{
	for (size_t i = 0; i < c->length; i++)
		if (c->at[i] < ' ' || c->at[i] > '~')
			return false;
	if (c->length >= size)
		return false;
	memcpy(to, c->at, c->length);
	to[c->length] = 0;
	return true;
}

static bool read_value(const struct column *c, struct vt_perf_line *line)
{
	line->value = 0;
	line->fraction = 0;
	line->counted = VT_PERF_COUNTED;
	if (is(c, "<not counted>"))
		line->counted = VT_PERF_NOT_COUNTED;
	else if (is(c, "<not supported>"))
		line->counted = VT_PERF_NOT_SUPPORTED;
	else
		return read_decimal(c, &line->value, &line->fraction);
	return true;
}

bool vt_perf_line_read(const char *text, size_t length, struct vt_perf_line *line)
{
	enum { TIME, VALUE, UNIT, EVENT, RUN, SHARE, COLUMNS, MOST = 8 };
	struct column c[MOST];
	unsigned count = 0;
	uint32_t fraction;

	for (size_t start = 0; start <= length; count++) {
		const char *end = memchr(text + start, ';', length - start);
		size_t n = end ? (size_t)(end - text) - start : length - start;
		if (count == MOST)
			return false;
		c[count] = (struct column){ text + start, n };
		start += n + 1;
	}
	return count >= COLUMNS && read_time(c[TIME], &line->time) && read_value(&c[VALUE], line) &&
	       copy(&c[UNIT], line->unit, sizeof(line->unit)) && c[EVENT].length > 0 &&
	       copy(&c[EVENT], line->event, sizeof(line->event)) &&
	       read_decimal(&c[RUN], &line->run, &fraction) && fraction == 0 && read_share(&c[SHARE], &line->share);
}

uint64_t vt_perf_line_ns(const struct vt_perf_line *line)
{
	uint64_t ns;

	if (strcmp(line->unit, "msec") != 0)
		return line->value;
	if (__builtin_mul_overflow(line->value, 1000000u, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)line->fraction / 1000, &ns))
		return UINT64_MAX;
	return ns;
}

bool vt_perf_scale(uint64_t value, uint64_t enabled, uint64_t running, uint64_t *scaled)
{
	__extension__ typedef unsigned __int128 wide;

	if (running == 0 && enabled > 0)
		return false;
	wide whole = running < enabled ? (wide)value * enabled / running : value;
	*scaled = whole > UINT64_MAX ? UINT64_MAX : (uint64_t)whole;
	return true;
}

size_t vt_perf_name_length(const char *event)
{
	const char *colon = strrchr(event, ':');

	if (!colon || colon == event || colon[1] == 0 || strspn(colon + 1, "ukhGHIpPSDWeb") != strlen(colon + 1))
		return strlen(event);
	return (size_t)(colon - event);
}

/* ---- lines --------------------------------------------------------------------------------------------- */

void vt_perf_split(struct vt_perf_splitter *s, const char *bytes, size_t count,
                   void (*take)(void *user, const char *line, size_t length), void *user)
{
	while (count > 0) {
		const char *end = memchr(bytes, '\n', count);
		size_t n = end ? (size_t)(end - bytes) : count;
		if (n > sizeof(s->line) - s->used && !s->skip) {
			s->skip = true;
			s->too_long++;
		}
		if (!s->skip) {
			memcpy(s->line + s->used, bytes, n);
			s->used += n;
		}
		if (!end)
			return;
		if (!s->skip)
			take(user, s->line, s->used);
		s->used = 0;
		s->skip = false;
		bytes += n + 1;
		count -= n + 1;
	}
}

/* ---- what the user gave -------------------------------------------------------------------------------- */

/* What names of perf list consist of, those of tracepoints, raw events and PMUs with terms too. */
static bool may_be_in_name(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-_.:/=,@?*", c));
}

bool vt_perf_next_name(const char **list, char name[VT_PERF_NAME], bool *good)
{
	const char *at = *list;
	size_t n = 0;
	bool in_slashes = false;

	at += strspn(at, ", {}");
	if (!*at)
		return false;
	*good = true;
	for (; *at && (in_slashes || !strchr(", {}", *at)); at++) {
		in_slashes ^= *at == '/';
		if (n + 1 >= VT_PERF_NAME || !may_be_in_name(*at))
			*good = false;
		if (n + 1 < VT_PERF_NAME)
			name[n++] = *at >= ' ' && *at <= '~' ? *at : '?';
	}
	name[n] = 0;
	/* It would be read as an option, or as something to leave out. */
	if (*name == '-' || *name == '!' || in_slashes)
		*good = false;
	*list = at;
	return true;
}

/* One number of at most four digits; -1: none. */
static int read_cpu(const char **at)
{
	int n = 0, digits = 0;

	for (; is_digit(**at) && digits < 5; digits++)
		n = 10 * n + (*(*at)++ - '0');
	return digits == 0 || digits == 5 ? -1 : n;
}

/* The next range of a list; false: the end, or no list, when *at is not its end. */
static bool next_range(const char **at, int *first, int *last)
{
	const char *p = *at;

	if (!*p)
		return false;
	*first = *last = read_cpu(&p);
	if (*first >= 0 && *p == '-') {
		p++;
		*last = read_cpu(&p);
	}
	if (*first < 0 || *last < *first || (*p && *p != ',') || (*p == ',' && !p[1]))
		return false;
	*at = *p ? p + 1 : p;
	return true;
}

static bool is_in(int cpu, const char *list)
{
	int first, last;

	while (next_range(&list, &first, &last))
		if (cpu >= first && cpu <= last)
			return true;
	return false;
}

int vt_perf_cpu_missing(const char *wanted, const char *online)
{
	const char *at = wanted;
	int first, last, missing = -1;

	if (strcmp(wanted, "all") == 0)
		return -1;
	while (next_range(&at, &first, &last))
		for (int cpu = first; cpu <= last && missing < 0; cpu++)
			if (!is_in(cpu, online))
				missing = cpu;
	return *at ? -2 : missing;
}

/* units.c - numbers to short text and back, by integers only. */
#include "decoder/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

const char vt_digit_pairs[200] =
	"0001020304050607080910111213141516171819"
	"2021222324252627282930313233343536373839"
	"4041424344454647484950515253545556575859"
	"6061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

static unsigned digits_of(uint64_t v)
{
	unsigned n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

char *vt_num_u64(char *p, uint64_t v)
{
	char *end = p + digits_of(v), *q = end;

	while (v >= 100) {
		q -= 2;
		memcpy(q, vt_digit_pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10)
		memcpy(q - 2, vt_digit_pairs + 2 * v, 2);
	else
		q[-1] = (char)('0' + v);
	return end;
}

char *vt_num_i64(char *p, int64_t v)
{
	if (v >= 0)
		return vt_num_u64(p, (uint64_t)v);
	*p++ = '-';
	return vt_num_u64(p, 0 - (uint64_t)v);
}

char *vt_num_hex(char *p, uint64_t v, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; v >>= 4)
		p[i] = "0123456789abcdef"[v & 15];
	return p + digits;
}

char *vt_num_grouped(char *p, uint64_t v)
{
	char plain[VT_NUM_MAX];
	size_t n = (size_t)(vt_num_u64(plain, v) - plain);

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			*p++ = ',';
		*p++ = plain[i];
	}
	return p;
}

/* n hundredths as d.dd, or n tenths as dd.d. */
static char *text_point(char *p, unsigned n, unsigned decimals)
{
	unsigned one = decimals == 2 ? 100 : 10;

	p = vt_num_u64(p, n / one);
	*p++ = '.';
	if (decimals == 2)
		return vt_num_pair(p, n % 100);
	*p++ = (char)('0' + n % 10);
	return p;
}

/* Three digits of v / unit, rounded half up. Inlined, so that every division is by a constant. */
static inline __attribute__((always_inline)) char *text_three(char *p, uint64_t v, uint64_t unit)
{
	uint64_t hundredths = (v + unit / 200) / (unit / 100);
	if (hundredths < 1000)
		return text_point(p, (unsigned)hundredths, 2);
	uint64_t tenths = (v + unit / 20) / (unit / 10);
	if (tenths < 1000)
		return text_point(p, (unsigned)tenths, 1);
	return vt_num_u64(p, (v + unit / 2) / unit);
}

static char *text_suffix(char *p, const char *suffix)
{
	size_t n = strlen(suffix);
	memcpy(p, suffix, n);
	return p + n;
}

char *vt_num_ns(char *p, uint64_t ns)
{
	if (ns < 1000)
		return text_suffix(vt_num_u64(p, ns), "ns");
	if (ns < 999500)
		return text_suffix(text_three(p, ns, 1000), "us");
	if (ns < 999500000)
		return text_suffix(text_three(p, ns, 1000000), "ms");
	if (ns > UINT64_MAX - 1000000000)
		ns = UINT64_MAX - 1000000000;
	return text_suffix(text_three(p, ns, 1000000000), "s");
}

char *vt_num_bytes(char *p, uint64_t bytes)
{
	static const char *const suffixes[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t kib = 0;
	unsigned i = 0, rest = (unsigned)(bytes & 1023);

	if (bytes < 1024)
		return text_suffix(vt_num_u64(p, bytes), "B");
	for (kib = bytes >> 10; kib >= 1024 && i < 5; i++) {
		rest = (unsigned)(kib & 1023);
		kib >>= 10;
	}
	uint64_t hundredths = kib * 100 + (rest * 100 + 512) / 1024;
	uint64_t tenths = kib * 10 + (rest * 10 + 512) / 1024;
	if (hundredths < 1000)
		p = text_point(p, (unsigned)hundredths, 2);
	else if (tenths < 1000)
		p = text_point(p, (unsigned)tenths, 1);
	else
		p = vt_num_u64(p, kib + (rest >= 512));
	return text_suffix(p, suffixes[i]);
}

static char *text_fraction(char *p, uint32_t ns, unsigned decimals)
{
	char nine[9];

	if (decimals == 0)
		return p;
	vt_num_nine(nine, ns);
	*p++ = '.';
	memcpy(p, nine, decimals);
	return p + decimals;
}

char *vt_num_seconds(char *p, uint64_t ns, unsigned decimals)
{
	p = vt_num_u64(p, ns / 1000000000);
	return text_fraction(p, (uint32_t)(ns % 1000000000), decimals);
}

/* Days since 1970 to a date of the Gregorian calendar, by eras of 400 years from 1 March 0000. */
static void date_of(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t z = days + 719468, era = z / 146097;
	unsigned doe = (unsigned)(z % 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + (unsigned)era * 400 + (*month <= 2);
}

static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = year - (month <= 2), era = y / 400, yoe = y % 400;
	unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return (uint64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

char *vt_num_utc(char *p, uint64_t realtime, unsigned decimals)
{
	uint64_t seconds = realtime / 1000000000;
	unsigned year, month, day, of_day = (unsigned)(seconds % 86400);

	date_of(seconds / 86400, &year, &month, &day);
	p = vt_num_pair(p, year / 100);
	p = vt_num_pair(p, year % 100);
	*p++ = '-';
	p = vt_num_pair(p, month);
	*p++ = '-';
	p = vt_num_pair(p, day);
	*p++ = 'T';
	p = vt_num_pair(p, of_day / 3600);
	*p++ = ':';
	p = vt_num_pair(p, of_day / 60 % 60);
	*p++ = ':';
	p = vt_num_pair(p, of_day % 60);
	p = text_fraction(p, (uint32_t)(realtime % 1000000000), decimals);
	*p++ = 'Z';
	return p;
}

char *vt_num_percent(char *p, uint64_t part, uint64_t whole)
{
	vt_u128 tenths = whole > 0 ? ((vt_u128)part * 1000 + whole / 2) / whole : 0;
	uint64_t n = tenths > UINT64_MAX ? UINT64_MAX : (uint64_t)tenths;

	/* What is not all of it is not shown as all of it, and what is something not as nothing. */
	if (part < whole && n >= 1000)
		n = 999;
	if (part > 0 && whole > 0 && n == 0)
		n = 1;
	p = vt_num_u64(p, n / 10);
	if (n != 1000 && n != 0) {
		*p++ = '.';
		*p++ = (char)('0' + n % 10);
	}
	return text_suffix(p, " %");
}

char *vt_num_float(char *p, double v)
{
	char text[32];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	return text_suffix(p, text);
}

/* ---- parsing ------------------------------------------------------------------------------- */

int vt_parse_u64(const char *s, uint64_t *v)
{
	uint64_t sum = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(sum, 10u, &sum) ||
		    __builtin_add_overflow(sum, (unsigned)(*s - '0'), &sum))
			return -ERANGE;
	}
	*v = sum;
	return 0;
}

/* A decimal number times `unit`, and where it ended: digits beyond what counts are ignored. */
static int parse_scaled(const char *s, const char *end, uint64_t unit, uint64_t *v)
{
	uint64_t sum = 0, fraction = 0, scale = 1;
	bool any = false, point = false;

	for (; s < end; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (*s < '0' || *s > '9')
			return -EINVAL;
		any = true;
		if (!point) {
			if (__builtin_mul_overflow(sum, 10u, &sum) ||
			    __builtin_add_overflow(sum, (unsigned)(*s - '0'), &sum))
				return -ERANGE;
		} else if (scale < 1000000000000ull) {
			fraction = fraction * 10 + (unsigned)(*s - '0');
			scale *= 10;
		}
	}
	if (!any)
		return -EINVAL;
	if (__builtin_mul_overflow(sum, unit, &sum) ||
	    __builtin_add_overflow(sum, (uint64_t)((vt_u128)fraction * unit / scale), &sum))
		return -ERANGE;
	*v = sum;
	return 0;
}

struct unit { const char *suffix; uint64_t factor; };

static int parse_with_units(const char *s, const struct unit *units, uint64_t *v)
{
	const char *end = s + strspn(s, "0123456789.");

	for (; units->suffix; units++)
		if (strcmp(end, units->suffix) == 0)
			return parse_scaled(s, end, units->factor, v);
	return -EINVAL;
}

int vt_parse_duration(const char *s, uint64_t *ns)
{
	static const struct unit units[] = {
		{ "", 1000000000 }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
		{ "s", 1000000000 }, { "m", 60000000000 }, { "min", 60000000000 },
		{ "h", 3600000000000 }, { NULL, 0 }
	};
	return parse_with_units(s, units, ns);
}

int vt_parse_size(const char *s, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "B", 1 }, { "K", 1 << 10 }, { "k", 1 << 10 }, { "KiB", 1 << 10 },
		{ "M", 1 << 20 }, { "MiB", 1 << 20 }, { "G", 1 << 30 }, { "GiB", 1 << 30 },
		{ "T", 1ull << 40 }, { "TiB", 1ull << 40 }, { NULL, 0 }
	};
	return parse_with_units(s, units, bytes);
}

/* `count` digits at *s as a number up to `max`; false if there are fewer. */
static bool take_digits(const char **s, unsigned count, unsigned max, unsigned *v)
{
	*v = 0;
	for (; count > 0; count--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		*v = *v * 10 + (unsigned)(**s - '0');
	}
	return *v <= max;
}

static bool take_char(const char **s, const char *set)
{
	if (**s == '\0' || !strchr(set, **s))
		return false;
	(*s)++;
	return true;
}

int vt_parse_utc(const char *s, uint64_t *realtime)
{
	unsigned year, month, day, hour, minute, second = 0, y, m, d;
	uint64_t ns = 0;

	if (!take_digits(&s, 4, 2500, &year) || !take_char(&s, "-") ||
	    !take_digits(&s, 2, 12, &month) || !take_char(&s, "-") ||
	    !take_digits(&s, 2, 31, &day) || !take_char(&s, "T ") ||
	    !take_digits(&s, 2, 23, &hour) || !take_char(&s, ":") ||
	    !take_digits(&s, 2, 59, &minute))
		return -EINVAL;
	if (take_char(&s, ":") && !take_digits(&s, 2, 59, &second))
		return -EINVAL;
	if (*s == '.') {
		size_t n = 1 + strspn(s + 1, "0123456789");
		if (parse_scaled(s, s + n, 1000000000, &ns))
			return -EINVAL;
		s += n;
	}
	take_char(&s, "Z");
	if (*s || year < 1970 || month == 0 || day == 0)
		return -EINVAL;
	uint64_t days = days_of(year, month, day);
	date_of(days, &y, &m, &d);
	if (y != year || m != month || d != day)
		return -EINVAL;
	*realtime = ((days * 24 + hour) * 60 + minute) * 60 + second;
	*realtime = *realtime * 1000000000 + ns;
	return 0;
}

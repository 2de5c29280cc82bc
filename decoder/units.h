/*
 * units.h - numbers to short text and back: the same bytes in every locale.
 *
 * The vt_num_* functions write at `p` and return the end; nothing is terminated. VT_NUM_MAX bytes
 * are enough for any of them. They are the inner loop of the text exporter: no division but by
 * constants, no printf.
 */
#ifndef DECODER_UNITS_H
#define DECODER_UNITS_H

#include <stdint.h>
#include <string.h>

#define VT_NUM_MAX 40u

__extension__ typedef unsigned __int128 vt_u128;        /* products of two 64-bit numbers */

/* "00" to "99": two digits a copy. */
extern const char vt_digit_pairs[200];

static inline char *vt_num_pair(char *p, unsigned v)
{
	memcpy(p, vt_digit_pairs + 2 * v, 2);
	return p + 2;
}

/* Exactly nine digits. */
static inline char *vt_num_nine(char *p, uint32_t v)
{
	uint32_t high = v / 100000, low = v % 100000;
	p = vt_num_pair(p, high / 100);
	p = vt_num_pair(p, high % 100);
	*p++ = (char)('0' + low / 10000);
	p = vt_num_pair(p, low / 100 % 100);
	return vt_num_pair(p, low % 100);
}

char *vt_num_u64(char *p, uint64_t v);
char *vt_num_i64(char *p, int64_t v);
char *vt_num_hex(char *p, uint64_t v, unsigned digits);
char *vt_num_grouped(char *p, uint64_t v);             /* 9,637 */
char *vt_num_ns(char *p, uint64_t ns);                 /* three digits: 271us 41.7us 4.71ms */
char *vt_num_bytes(char *p, uint64_t bytes);           /* 812B 276KiB 1.06MiB */
char *vt_num_seconds(char *p, uint64_t ns, unsigned decimals);         /* 1.309; rounded down */
char *vt_num_utc(char *p, uint64_t realtime, unsigned decimals);       /* 2026-11-21T11:40:02.118Z */
char *vt_num_percent(char *p, uint64_t part, uint64_t whole);          /* 15.7 % */
char *vt_num_float(char *p, double v);                 /* shortest text that reads back the same */

/* 0, or -EINVAL, or -ERANGE. All of the string must be used. */
int vt_parse_u64(const char *s, uint64_t *v);
int vt_parse_duration(const char *s, uint64_t *ns);     /* 250ns 1.5us 3ms 2s 5m 1h; bare: seconds */
int vt_parse_size(const char *s, uint64_t *bytes);      /* 4096 64K 1MiB 2G (powers of 1024) */
int vt_parse_utc(const char *s, uint64_t *realtime);    /* 2026-11-21T11:40:02.118Z, T may be blank */

#endif

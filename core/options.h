/* options.h - the settings of a recording, from the struct, VALKTRACE= and the command line. */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/codec.h"
#include "core/ring_file.h"

#define VT_OPTION_WORD 512          /* longest text value */

struct vt_settings {
	char events[VT_OPTION_WORD], output[VT_OPTION_WORD], ring_directory[VT_OPTION_WORD];
	char warn[VT_OPTION_WORD];      /* rules, each followed by ';' */
	char mode[VT_OPTION_WORD], codec[VT_OPTION_WORD], dump_signal[VT_OPTION_WORD];
	char collect[VT_OPTION_WORD], perf_events[VT_OPTION_WORD], perf_cores[VT_OPTION_WORD];
	char calls[VT_OPTION_WORD];
	bool off;                       /* VALKTRACE=0 */
	uint64_t level, ring_size, flush_ns, counters_ns, max_bytes, rotate_bytes, rotate_ns;
	uint64_t perf_interval_ns, perf_strict;
};

struct vt_option_row {
	const char *name, *argument, *help;
	enum { VT_OPTION_SIZE, VT_OPTION_TIME, VT_OPTION_NUMBER, VT_OPTION_NAMES, VT_OPTION_TEXT, VT_OPTION_RULES } kind;
	size_t offset;                  /* in struct vt_settings */
	uint64_t standard, least, most;
};

extern const struct vt_option_row vt_option_rows[];
extern const unsigned vt_option_count;

void vt_settings_default(struct vt_settings *s);

/* Sets one option by name. 0, or -VT_E_OPTION with one line about it in `problem`. */
int vt_settings_set(struct vt_settings *s, const char *name, const char *value,
                    char *problem, size_t size);

/* key=value,key=value; events=gc,loop or gc+loop. The first problem is told, the rest is used. */
int vt_settings_parse(struct vt_settings *s, const char *text, char *problem, size_t size);

/* What the words mean. */
struct vt_resolved {
	struct vt_geometry geometry;
	const struct vt_codec *codec;
	bool no_calls;                  /* calls=off */
	bool ring_only;                 /* mode=ring: no log is written */
	int dump_signal;                /* 0: none */
};

/* 0, or -VT_E_OPTION and one line. */
int vt_settings_resolve(const struct vt_settings *s, struct vt_resolved *r, char *problem, size_t size);

/* What was asked for, as one line of `info`. */
void vt_settings_describe(const struct vt_settings *s, const struct vt_resolved *r, char *to, size_t size);

/* The keys of VALKTRACE, a line each, with what they mean: for VALKTRACE=help. */
void vt_settings_help(FILE *to);

/* A file name with %p (process id), %t (UTC time), %% in it. -ENAMETOOLONG. */
int vt_settings_path(const char *pattern, char *to, size_t size);

/*
 * A set of categories: "gc,loop", "all", "none", "!gc" takes away. -VT_E_UNKNOWN_CATEGORY: the set is of the
 * others, and `unknown` names those that are not ours ("a,b"): a host may register them yet.
 */
int vt_category_set(const char *names, uint64_t *set, char *unknown, size_t size);

#endif

/*
 * fuzz_where.c - the filter options, on a real log. Each line of the input is a word and its value:
 * where, since, until, category, event, tid, thread.
 */
#include <string.h>

#include "decoder/choice.h"
#include "decoder/cmd.h"
#include "decoder/common.h"
#include "tests/fuzz/fuzz.h"

#define LOG "fixtures/v1/kinds.vtrace"

enum { MOST = 20, MOST_EVENTS = 2000 };

struct words {
	char *items[MOST];
};

static void add(struct vt_list *list, struct words *words, char *value)
{
	list->items = words->items;
	if (list->count < MOST)
		list->items[list->count++] = value;
}

static void take(struct vt_choice *c, struct words words[4], char *line)
{
	char *value = strchr(line, ' ');

	if (!value)
		return;
	*value++ = 0;
	if (strcmp(line, "where") == 0)
		add(&c->where, &words[0], value);
	else if (strcmp(line, "category") == 0)
		add(&c->categories, &words[1], value);
	else if (strcmp(line, "event") == 0)
		add(&c->events, &words[2], value);
	else if (strcmp(line, "tid") == 0)
		add(&c->tids, &words[3], value);
	else if (strcmp(line, "since") == 0)
		c->since = value;
	else if (strcmp(line, "until") == 0)
		c->until = value;
	else if (strcmp(line, "thread") == 0)
		c->thread = value;
}

static struct vt_input *input(void)
{
	static char name[] = LOG, *paths[] = { name, NULL };
	static struct vt_input in;

	if (!in.reader) {
		vt_common.quiet = true;
		vt_common.ring_directory = "/nowhere";
		fuzz_must(vt_input_open(&in, paths, 1) == VT_EXIT_OK);
	}
	return &in;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct words words[4];
	struct vt_choice choice = { .thread = NULL };
	struct vt_input *in = input();
	const struct vt_event *event;
	char *text = fuzz_text(data, size), *rest = text;

	for (char *line; (line = strsep(&rest, "\n"));)
		take(&choice, words, line);
	int code = vt_choice_apply(&choice, in);
	fuzz_must(code == VT_EXIT_OK || code == VT_EXIT_USAGE);
	if (code == VT_EXIT_OK) {
		for (unsigned n = 0; n < MOST_EVENTS && vt_reader_next(in->reader, &event) > 0; n++)
			continue;
		vt_choice_explain_nothing(&choice, in);
	}
	/* The selection points into `text`. */
	vt_reader_select(in->reader, NULL, NULL);
	free(text);
	return 0;
}

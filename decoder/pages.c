/* pages.c - see pages.h. */
#include "decoder/pages.h"

#include <unistd.h>

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/progress.h"

int vt_pages_text(const struct vt_pages *p, struct vt_sink *text)
{
	int err = vt_sink_memory(text);

	if (!err)
		text->colour = vt_colour_wanted(p->path ? -1 : STDOUT_FILENO);
	return err;
}

int vt_pages_add(struct vt_pages *p, struct vt_sink *text)
{
	int code = VT_EXIT_OK, err = text->error ? -text->error : 0;

	vt_progress_end();
	if (!err && !p->opened) {
		code = vt_sink_start(&p->out, p->path, false);
		p->opened = code == VT_EXIT_OK;
	}
	if (!err && !code) {
		vt_sink_bytes(&p->out, text->buffer, text->used);
		vt_sink_flush(&p->out);
	}
	vt_sink_discard(text);
	if (err)
		vt_message("%s", vt_strerror(err));
	return err ? VT_EXIT_FAILURE : code;
}

int vt_pages_close(struct vt_pages *p, int code)
{
	if (!p->opened)
		return code;
	/* Input that ends badly has given output all the same: it is kept, the exit code tells. */
	if (code == VT_EXIT_FAILURE || code == VT_EXIT_USAGE) {
		vt_sink_discard(&p->out);
		return code;
	}
	int err = vt_sink_close(&p->out);
	if (!err)
		return code;
	vt_message("%s: %s", p->path ? p->path : "standard output", vt_strerror(err));
	return VT_EXIT_FAILURE;
}

struct job {
	struct vt_pages *pages;
	int (*print)(void *user, struct vt_input *in, struct vt_sink *text);
	void *user;
};

static int print_run(void *user, struct vt_input *in)
{
	struct job *job = user;
	struct vt_sink text;
	int code = vt_pages_text(job->pages, &text);

	if (code)
		return vt_input_failed(in, code);
	if (job->pages->apart && in->index > 0)
		vt_sink_char(&text, '\n');
	code = job->print(job->user, in, &text);
	if (code < 0 || code == VT_EXIT_FAILURE || code == VT_EXIT_USAGE) {
		vt_sink_discard(&text);
		return code < 0 ? vt_input_failed(in, code) : code;
	}
	int added = vt_pages_add(job->pages, &text);
	return added ? added : code;
}

int vt_pages_of_runs(struct vt_pages *p, char **files, int count,
                     int (*print)(void *user, struct vt_input *in, struct vt_sink *text), void *user)
{
	struct job job = { p, print, user };
	struct vt_inputs all;
	int code = vt_inputs_sort(&all, files, count);

	if (code)
		return code;
	code = vt_inputs_spare(&all, p->path);
	if (!code)
		code = vt_inputs_each(&all, print_run, &job);
	vt_inputs_free(&all);
	return code;
}

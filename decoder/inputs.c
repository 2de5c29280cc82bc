/* inputs.c - see inputs.h. */
#include "decoder/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/recover.h"
#include "core/wire.h"
#include "decoder/cmd.h"
#include "decoder/feed.h"
#include "decoder/ring_files.h"

int vt_exit_worse(int a, int b)
{
	static const int order[] = { VT_EXIT_FAILURE, VT_EXIT_USAGE, VT_EXIT_INPUT, VT_EXIT_NOT_A_LOG,
	                             VT_EXIT_VERSION, VT_EXIT_LIMIT, VT_EXIT_DAMAGED, VT_EXIT_VIOLATED,
	                             VT_EXIT_LOSS };

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return VT_EXIT_OK;
}

/* ---- what a file is ---------------------------------------------------------------------------------- */

struct probe {
	uint64_t run, realtime;
	bool is_ring;
};

static int probe_log(const char *path, struct probe *p)
{
	uint8_t bytes[VT_FILE_HEADER];
	struct vt_file_header h;
	struct vt_feed feed;

	int err = vt_feed_open(&feed, path);
	if (err < 0)
		return err;
	err = feed.size == 0 ? -VT_E_EMPTY : vt_feed_read(&feed, 0, bytes, sizeof(bytes));
	if (err == -VT_E_SHORT && (feed.size < 8 || vt_feed_read(&feed, 0, bytes, 8) < 0 ||
	                           memcmp(bytes, VT_FILE_MAGIC, 8) != 0))
		err = -VT_E_NOT_A_LOG;
	if (!err)
		err = vt_file_header_decode(&h, bytes);
	vt_feed_close(&feed);
	if (err)
		return err;
	*p = (struct probe){ .run = h.run, .realtime = h.realtime };
	return 0;
}

static int probe_file(const char *path, struct probe *p)
{
	struct vt_recover_head h;

	if (access(path, R_OK))
		return -errno;
	if (!vt_is_ring_file(path))
		return probe_log(path, p);
	int err = vt_recover_head(path, &h);
	if (!err)
		*p = (struct probe){ .run = h.run, .realtime = h.realtime, .is_ring = true };
	return err;
}

/* ---- sorting ----------------------------------------------------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	                             x.st_ino == y.st_ino);
}

static struct vt_run_files *run_of(struct vt_inputs *all, const struct probe *p)
{
	for (unsigned i = 0; i < all->count; i++)
		if (all->runs[i].run == p->run)
			return &all->runs[i];
	struct vt_run_files *runs = realloc(all->runs, (all->count + 1) * sizeof(*runs));
	if (!runs)
		return NULL;
	all->runs = runs;
	runs[all->count] = (struct vt_run_files){ .run = p->run, .realtime = p->realtime };
	return &runs[all->count++];
}

/* A file under two names is read once. */
static int add_file(struct vt_run_files *r, const char *path, bool is_ring)
{
	for (unsigned i = 0; i < r->count; i++)
		if (same_file(r->paths[i], path))
			return 0;
	char **paths = realloc(r->paths, (r->count + 1) * sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	r->paths = paths;
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	unsigned at = is_ring ? r->count : r->logs;
	memmove(paths + at + 1, paths + at, (r->count - at) * sizeof(*paths));
	paths[at] = copy;
	r->count++;
	r->logs += !is_ring;
	return 0;
}

static int add_path(struct vt_inputs *all, const char *path)
{
	struct probe p = { .is_ring = false };
	int err = probe_file(path, &p);

	if (err)
		return err;
	struct vt_run_files *r = run_of(all, &p);
	if (!r)
		return -ENOMEM;
	if (p.realtime < r->realtime)
		r->realtime = p.realtime;
	return add_file(r, path, p.is_ring);
}

/* A name that is no file stands for the parts of the newest run that it was the log of. */
static int add_given(struct vt_inputs *all, const char *path)
{
	struct vt_parts parts = { NULL, 0 };
	int err = add_path(all, path);

	if (err != -ENOENT || vt_parts_find(path, &parts) < 0 || parts.count == 0)
		return err;
	err = 0;
	for (unsigned i = 0; i < parts.count && !err; i++)
		err = add_path(all, parts.paths[i]);
	vt_parts_free(&parts);
	return err;
}

/* One part of a log stands for all of them, as it does where it is the only file. */
static int add_parts(struct vt_run_files *r)
{
	struct vt_parts parts = { NULL, 0 };
	int err = r->logs == 1 ? vt_parts_find(r->paths[0], &parts) : 0;

	for (unsigned i = 0; i < parts.count && !err; i++)
		err = add_file(r, parts.paths[i], false);
	vt_parts_free(&parts);
	return err;
}

static int by_start(const void *left, const void *right)
{
	const struct vt_run_files *a = left, *b = right;

	if (a->realtime != b->realtime)
		return a->realtime < b->realtime ? -1 : 1;
	return (a->run > b->run) - (a->run < b->run);
}

/* How many hex digits, eight at least, no two runs share. */
static unsigned digits_of(const struct vt_inputs *all)
{
	unsigned digits = 8;

	for (unsigned i = 0; i < all->count; i++)
		for (unsigned k = 0; k < i; k++)
			while (digits < 16 && (all->runs[i].run ^ all->runs[k].run) >> (64 - 4 * digits) == 0)
				digits++;
	return digits;
}

static int sort_many(struct vt_inputs *all, char **paths, int count)
{
	int err = 0;

	for (int i = 0; i < count; i++) {
		if (strcmp(paths[i], "-") == 0)
			return vt_usage("'-' (standard input) must be the only file");
		err = add_given(all, paths[i]);
		if (err)
			all->code = vt_exit_worse(all->code,
			                          vt_input_failed(&(struct vt_input){ .name = paths[i] }, err));
	}
	for (unsigned i = 0; i < all->count; i++)
		if ((err = add_parts(&all->runs[i])) < 0)
			return vt_input_failed(&(struct vt_input){ .name = all->runs[i].paths[0] }, err);
	if (all->count > 1) {
		qsort(all->runs, all->count, sizeof(*all->runs), by_start);
		all->digits = digits_of(all);
	}
	return all->count > 0 ? VT_EXIT_OK : all->code;
}

int vt_inputs_sort(struct vt_inputs *all, char **paths, int count)
{
	*all = (struct vt_inputs){ .given = paths, .given_count = count };
	if (count <= 1) {
		/* Nothing to sort, and standard input cannot be looked at twice. */
		all->count = 1;
		return VT_EXIT_OK;
	}
	int code = sort_many(all, paths, count);
	if (code)
		vt_inputs_free(all);
	return code;
}

void vt_inputs_free(struct vt_inputs *all)
{
	for (unsigned i = 0; all->runs && i < all->count; i++) {
		for (unsigned k = 0; k < all->runs[i].count; k++)
			free(all->runs[i].paths[k]);
		free(all->runs[i].paths);
	}
	free(all->runs);
	*all = (struct vt_inputs){ .runs = NULL };
}

/* ---- reading ----------------------------------------------------------------------------------------- */

int vt_inputs_open(const struct vt_inputs *all, unsigned index, bool quietly, struct vt_input *in)
{
	const struct vt_run_files *r = all->runs ? &all->runs[index] : NULL;
	char **paths = r ? r->paths : all->given;
	int count = r ? (int)r->count : all->given_count;
	int code = quietly ? vt_input_open_quietly(in, paths, count) : vt_input_open(in, paths, count);

	in->run_digits = all->digits;
	in->index = index;
	return code;
}

int vt_inputs_each(const struct vt_inputs *all, int (*each)(void *user, struct vt_input *in), void *user)
{
	int code = all->code;

	for (unsigned i = 0; i < all->count; i++) {
		struct vt_input in;
		int one = vt_inputs_open(all, i, false, &in);
		bool ours = false;
		if (!one) {
			one = each(user, &in);
			ours = one == VT_EXIT_FAILURE || one == VT_EXIT_USAGE;
			one = vt_input_close(&in, one);
		}
		code = vt_exit_worse(code, one);
		if (ours)
			break;
	}
	return code;
}

static bool have(const struct vt_inputs *all, const char *path)
{
	if (!all->runs)
		return same_file(all->given_count > 0 ? all->given[0] : VT_DEFAULT_LOG, path);
	for (unsigned i = 0; i < all->count; i++)
		for (unsigned k = 0; k < all->runs[i].count; k++)
			if (same_file(all->runs[i].paths[k], path))
				return true;
	return false;
}

int vt_inputs_spare(const struct vt_inputs *all, const char *output)
{
	struct stat st;

	if (output && stat(output, &st) == 0 && S_ISREG(st.st_mode) && have(all, output))
		return vt_usage("-o %s: that is the input", output);
	return VT_EXIT_OK;
}

/* fakecollect.c - see fakecollect.h. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/cgroup.h"
#include "tests/unit/fakecollect.h"

struct fake_collect fake;

static unsigned place(uint32_t process)
{
	assert_true(process == VT_COLLECT_RUN || process < 2);
	return process == VT_COLLECT_RUN ? RUN : FIRST + process;
}

static bool give(const struct vt_collect *c, unsigned i, struct vt_collected *p)
{
	(void)c;
	if (i >= fake.count)
		return false;
	*p = fake.processes[i];
	return true;
}

static void set(const struct vt_collect *c, uint32_t process, unsigned metric, uint64_t value)
{
	(void)c;
	assert_non_null(vt_schema_builtin()->metrics[metric].name);
	fake.value[place(process)][metric] = value;
	fake.have[place(process)][metric] = true;
}

static void unset(const struct vt_collect *c, uint32_t process, unsigned metric)
{
	(void)c;
	fake.have[place(process)][metric] = false;
}

static void source(const struct vt_collect *c, uint32_t process, enum vt_source_id id, bool available,
                   const char *reason)
{
	(void)c;
	fake.source[place(process)][id] = available ? 2 : 1;
	snprintf(fake.reason[place(process)][id], 128, "%s", reason);
}

ssize_t read_fixture(const char *name, char text[FIXTURE_SIZE])
{
	char path[256];

	snprintf(path, sizeof(path), "fixtures/proc/%s", name);
	ssize_t n = vt_procfile_once(AT_FDCWD, path, text, FIXTURE_SIZE);
	assert_true(n >= 0);
	return n;
}

void put(const char *name, const char *from)
{
	char path[256], text[FIXTURE_SIZE];
	ssize_t n = from ? read_fixture(from, text) : 0;

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	/* In place: the collectors keep it open. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
}

void put_text(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

void make(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

int collect_set_up(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	vt_settings_default(&fake.settings);
	fake.api = (struct vt_collect){
		.settings = &fake.settings, .process = give, .set = set, .unset = unset, .source = source,
	};
	strcpy(fake.root, "/tmp/valktrace-collect.XXXXXX");
	assert_non_null(mkdtemp(fake.root));
	vt_proc_root = vt_cgroup_root = fake.root;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

int remove_tree(const char *path)
{
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int collect_tear_down(void **state)
{
	(void)state;
	return remove_tree(fake.root);
}

void absent(unsigned where, unsigned metric)
{
	assert_false(fake.have[where][metric]);
}

void is(unsigned where, unsigned metric, uint64_t value)
{
	assert_true(fake.have[where][metric]);
	assert_int_equal(fake.value[where][metric], value);
}

void is_source(unsigned where, enum vt_source_id id, const char *reason)
{
	assert_int_equal(fake.source[where][id], reason ? 1 : 2);
	if (reason)
		assert_string_equal(fake.reason[where][id], reason);
}

void *open_refused(const struct vt_collector *k, enum vt_source_id id, const char *reason)
{
	void *state = calloc(1, k->state_size);

	assert_non_null(state);
	assert_int_equal(k->open(state, &fake.api), -ENOENT);
	is_source(RUN, id, reason);
	memset(state, 0, k->state_size);
	return state;
}

/* share.c - see share.h. */
#include "decoder/share.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/common.h"

int vt_share_out(struct vt_reader *reader, const struct vt_sharing *how, void *user)
{
	unsigned threads = vt_threads();
	char *shares = calloc(threads, how->size);
	void **states = calloc(threads, sizeof(*states));
	int err = shares && states ? 0 : -ENOMEM;

	for (unsigned i = 0; i < threads && !err; i++) {
		states[i] = shares + i * how->size;
		how->begin(states[i], user, i == 0);
	}
	if (!err)
		err = vt_reader_scan(reader, threads, how->batch, states);
	for (unsigned i = 0; i < threads && states && states[i]; i++) {
		int failed = how->end(states[i], user, err);
		err = err ? err : failed;
	}
	free(states);
	free(shares);
	return err;
}

/*
 * share.h - batches shared out among the threads that we may use, and added up behind them.
 *
 * Each thread has a share: zeroed memory of its own. What is counted in it must not depend on which batches
 * it got: sums, smallest and largest values, histograms.
 */
#ifndef DECODER_SHARE_H
#define DECODER_SHARE_H

#include <valktrace/reader.h>

struct vt_sharing {
	size_t size;                            /* of a share */
	/* Before the first batch, for each share; `first`: that of the calling thread. */
	void (*begin)(void *share, void *user, bool first);
	int (*batch)(void *share, const struct vt_batch *batch);        /* as `each` of vt_reader_scan */
	/*
	 * Behind the last batch, for one share after another: adds it to what `user` has, unless `err`, and
	 * frees what it holds. Returns an error of its own, or 0.
	 */
	int (*end)(void *share, void *user, int err);
};

/* All selected batches of the reader. 0, or the first error. */
int vt_share_out(struct vt_reader *reader, const struct vt_sharing *how, void *user);

#endif

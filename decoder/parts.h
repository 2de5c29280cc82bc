/*
 * parts.h - the parts of a rotated log: naming the log or any part of it means all of them.
 *
 * NAME.vtrace becomes NAME.0001.vtrace, NAME.0002.vtrace ... when it is rotated. Parts of an earlier run
 * may lie beside them: only files of one run belong together.
 */
#ifndef DECODER_PARTS_H
#define DECODER_PARTS_H

struct vt_parts {
	char **paths;                   /* sorted */
	unsigned count;
};

/*
 * The parts of the run that `path` names; when there is no such file, those of the newest run that its
 * name stands for. None if there is nothing to add to `path`: then count is 0. 0 or -ENOMEM.
 */
int vt_parts_find(const char *path, struct vt_parts *parts);
void vt_parts_free(struct vt_parts *parts);

#endif

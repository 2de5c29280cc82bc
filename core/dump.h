/* dump.h - what the rings hold now, as a log of its own; and the signal that asks for it. */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

#include "core/options.h"
#include "core/ring_file.h"
#include "core/wire.h"

/*
 * Writes a log of the ring file at `place`, whose process runs on undisturbed, to `path`, replacing what is
 * there. The dump is a run of its own. `ending`: what it says of the process. 0 or a negative error; then `path` is as it was.
 */
int vt_dump_rings(const struct vt_ring_place *place, const struct vt_settings *s, const char *path,
                  enum vt_ending ending);

/*
 * From now on `signal` makes a thread of ours call `dump`; its handler before is replaced. 0 or an error.
 * One a process; a second call changes the signal.
 */
int vt_dump_on_signal(int signal, void (*dump)(void));

#endif

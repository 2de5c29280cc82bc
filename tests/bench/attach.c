/* attach.c - see attach.h. */
#include "core/process.h"
#include "tests/bench/attach.h"

int attach_ring(const char *directory, uint64_t ring_size, uint64_t mask)
{
	struct vt_geometry geometry;

	vt_geometry_of(&geometry, ring_size, VT_OVERWRITE);
	return vt_process_attach(directory, vt_ticks(), &geometry, mask, NULL, false);
}

void attach_mask(uint64_t mask)
{
	vt_store_relaxed(&vt_process.file->wanted_mask, mask);
	vt_process_refresh_mask();
}

/* pressure.h - the texts of /proc/pressure. */
#ifndef COLLECTORS_PRESSURE_H
#define COLLECTORS_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#define VT_PRESSURES 3u         /* cpu, memory, io: in the order of the metrics */

/* The total in microseconds of the line that begins with `share` ("some", "full"). False: there is none. */
bool vt_pressure_total(const char *text, const char *share, uint64_t *us);

#endif

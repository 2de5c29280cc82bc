/* loop_cases.h - what a watched libuv loop must count, for any libuv: run by a host and by an addon. */
#ifndef TESTS_LOOP_CASES_H
#define TESTS_LOOP_CASES_H

#include <stdio.h>

/*
 * Runs each case on a loop of its own, after vt_start. A line each: "name key=value ...", values as of
 * this case alone, "-" for what is absent; `uv` is what libuv itself has counted, "-" before 1.45.
 */
void loop_cases(FILE *out);

#endif

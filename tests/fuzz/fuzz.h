/*
 * fuzz.h - what the fuzz targets share. A target is one file, fuzz_NAME.c, with one
 * LLVMFuzzerTestOneInput: it reads what a stranger wrote and must neither crash nor break a promise
 * that it checks with fuzz_must. `make fuzz` links each with clang's libFuzzer; `make test` links
 * the same with replay.c, which needs no clang.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both engines save the input and say which it was. */
#define fuzz_must(condition) ((condition) ? (void)0 : abort())

/* A copy with a 0 behind it, of just that many bytes: what is read beyond is seen. free() it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A file with these bytes, always the same one; lives until the next call. Its name. */
const char *fuzz_file(const void *data, size_t size);

/*
 * Sets right all checksums of a log that can be: what a mutation breaks first is a checksum, and
 * behind those is what else is to be tried.
 */
void fuzz_repair_log(uint8_t *data, size_t size);

/* Opens a file as a log or ring file and asks the reader for all that it can tell. */
void fuzz_read_all(const char *path);

#endif

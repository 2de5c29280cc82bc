/* fuzz_log.c - a log as it was found, and the same with right checksums. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_read_all(fuzz_file(data, size));
	uint8_t *copy = (uint8_t *)fuzz_text(data, size);
	fuzz_repair_log(copy, size);
	fuzz_read_all(fuzz_file(copy, size));
	free(copy);
	return 0;
}

/*
 * fuzz_pages.c - what the commands print of a log with right checksums: the summary in both forms,
 * info, and decode in one of its formats, of which the size of the input decides. Who runs this
 * throws stdout away.
 */
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/export.h"
#include "tests/fuzz/fuzz.h"

enum { ARGUMENTS = 5 };

/* As the shell would: getopt moves the words about, and lists are split in place. */
static void run(const struct vt_command *command, const char *option, const char *value, const char *path)
{
	const char *words[ARGUMENTS] = { command->name, "-q", option, value, path };
	char *argv[ARGUMENTS + 1] = { NULL }, *copies[ARGUMENTS];
	int argc = 0;

	for (unsigned i = 0; i < ARGUMENTS; i++)
		if (words[i])
			argv[argc++] = fuzz_text((const uint8_t *)words[i], strlen(words[i]));
	memcpy(copies, argv, sizeof(copies));
	vt_common.ring_directory = "/nowhere";
	int code = command->run(argc, argv);
	fuzz_must(code >= VT_EXIT_OK && code <= VT_EXIT_LOSS);
	for (int i = 0; i < argc; i++)
		free(copies[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = (uint8_t *)fuzz_text(data, size);
	unsigned count = 0;

	while (vt_exports[count])
		count++;
	fuzz_repair_log(copy, size);
	const char *path = fuzz_file(copy, size);
	free(copy);
	run(&vt_cmd_summary, NULL, NULL, path);
	run(&vt_cmd_summary, "--json", NULL, path);
	run(&vt_cmd_info, NULL, NULL, path);
	run(&vt_cmd_decode, "--format", vt_exports[size % count]->name, path);
	return 0;
}

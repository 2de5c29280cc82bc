/*
 * fuzz_pages.c - what the commands print of a log with right checksums: the summary in both forms,
 * info, verify, and decode in one of its formats, of which the size of the input decides. Who runs this
 * throws stdout away.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/export.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS = 8, MOST = 1 << 20 };

/* As the shell would: getopt moves the words about, and lists are split in place. */
static void run(const struct vt_command *command, const char *const options[WORDS - 2], const char *path)
{
	char *argv[WORDS + 1] = { NULL }, *copies[WORDS];
	int argc = 0;

	argv[argc++] = fuzz_text((const uint8_t *)command->name, strlen(command->name));
	for (unsigned i = 0; i < WORDS - 2 && options[i]; i++)
		argv[argc++] = fuzz_text((const uint8_t *)options[i], strlen(options[i]));
	argv[argc++] = fuzz_text((const uint8_t *)path, strlen(path));
	memcpy(copies, argv, sizeof(copies));
	vt_common = (struct vt_common){ .quiet = true, .ring_directory = "/nowhere" };
	int code = command->run(argc, argv);
	fuzz_must(code >= VT_EXIT_OK && code <= VT_EXIT_LOSS);
	for (int i = 0; i < argc; i++)
		free(copies[i]);
}

static char *take_file(const char *path, size_t *length)
{
	FILE *in = fopen(path, "rb");
	char *text = malloc(MOST);

	fuzz_must(text);
	*length = in ? fread(text, 1, MOST, in) : 0;
	if (in)
		fclose(in);
	unlink(path);
	return text;
}

/* One thread or four: the same bytes. */
static void decode(const char *format, const char *path)
{
	static const char *const threads[2] = { "--threads=1", "--threads=4" };
	char output[64];
	char *texts[2];
	size_t lengths[2];

	snprintf(output, sizeof(output), "/dev/shm/fuzz-pages.%d", (int)getpid());
	for (unsigned i = 0; i < 2; i++) {
		run(&vt_cmd_decode, (const char *const[WORDS - 2]){ threads[i], "--format", format, "-o", output },
		    path);
		texts[i] = take_file(output, &lengths[i]);
	}
	fuzz_must(lengths[0] == lengths[1] && memcmp(texts[0], texts[1], lengths[0]) == 0);
	free(texts[0]);
	free(texts[1]);
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
	run(&vt_cmd_summary, (const char *const[WORDS - 2]){ NULL }, path);
	run(&vt_cmd_summary, (const char *const[WORDS - 2]){ "--json" }, path);
	run(&vt_cmd_info, (const char *const[WORDS - 2]){ NULL }, path);
	run(&vt_cmd_verify, (const char *const[WORDS - 2]){ NULL }, path);
	decode(vt_exports[size % count]->name, path);
	return 0;
}

/* test_out.c - sinks: hostile strings through the escapers, errors that stick, files that replace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/jsonw.h"
#include "decoder/out.h"

static void check_escaped(const char *text, size_t length, unsigned keep, const char *expected)
{
	struct vt_sink s;

	assert_int_equal(vt_sink_memory(&s), 0);
	vt_sink_escaped(&s, text, length, keep);
	assert_string_equal(vt_sink_text(&s), expected);
	vt_sink_discard(&s);
}

#define ESCAPED(text, keep, expected) check_escaped(text, sizeof(text) - 1, keep, expected)

static void hostile_strings(void **state)
{
	(void)state;
	ESCAPED("", 0, "");
	ESCAPED("plain-Text_09~!", 0, "plain-Text_09~!");
	ESCAPED("a b", 0, "a\\x20b");
	ESCAPED("a b", VT_KEEP_BLANKS, "a b");
	ESCAPED("\033[31m\r\n\t", VT_KEEP_BLANKS, "\\x1b[31m\\x0d\\x0a\\x09");
	ESCAPED("nul\0in", 0, "nul\\x00in");
	ESCAPED("\x7f", 0, "\\x7f");
	ESCAPED("back\\slash", 0, "back\\\\slash");
	ESCAPED("\xc2\x85", 0, "\\xc2\\x85");
	ESCAPED("\xc2\x85", VT_KEEP_UTF8, "\\xc2\\x85");
	ESCAPED("\xff\xfe", 0, "\\xff\\xfe");
	ESCAPED("\xc0\x80", 0, "\\xc0\\x80");           /* overlong */
	ESCAPED("\xe0\x80\x80", 0, "\\xe0\\x80\\x80");
	ESCAPED("\xed\xa0\x80", 0, "\\xed\\xa0\\x80");  /* surrogate */
	ESCAPED("\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80");
	ESCAPED("\xe2\x80", 0, "\\xe2\\x80");           /* cut off */
	ESCAPED("\xe2\x80\xae", 0, "\\u{202e}");
	ESCAPED("\xe2\x80\xa8", VT_KEEP_UTF8, "\\u{2028}");
	ESCAPED("\xe2\x81\xa6", VT_KEEP_UTF8, "\\u{2066}");
	ESCAPED("\xce\xbb", 0, "\\u{3bb}");
	ESCAPED("\xce\xbb", VT_KEEP_UTF8, "\xce\xbb");
	ESCAPED("\xf0\x9f\x98\x80", 0, "\\u{1f600}");
	ESCAPED("%n%s%d", 0, "%n%s%d");
}

/* Whatever the bytes, nothing but printable ASCII comes out, at every place in a word of eight. */
static void no_byte_gets_through(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		for (unsigned at = 0; at < 20; at++) {
			char text[20];
			struct vt_sink s;
			memset(text, 'x', sizeof(text));
			text[at] = (char)byte;
			assert_int_equal(vt_sink_memory(&s), 0);
			vt_sink_escaped(&s, text, sizeof(text), VT_ESCAPE_ALL);
			bool plain = byte > ' ' && byte < 0x7f && byte != '\\';
			assert_int_equal(s.used, plain ? 20 : byte == '\\' ? 21 : 23);
			for (size_t i = 0; i < s.used; i++)
				assert_true(s.buffer[i] > ' ' && s.buffer[i] < 0x7f);
			vt_sink_discard(&s);
		}
	}
}

static void long_strings_are_whole(void **state)
{
	const size_t length = 3 * VT_SINK_ROOM + 5;
	char *text = malloc(length);
	struct vt_sink s;

	(void)state;
	assert_non_null(text);
	memset(text, 1, length);
	assert_int_equal(vt_sink_memory(&s), 0);
	vt_sink_escaped(&s, text, length, VT_ESCAPE_ALL);
	assert_int_equal(s.used, 4 * length);
	s.used = 0;
	memset(text, 'y', length);
	vt_sink_escaped(&s, text, length, VT_ESCAPE_ALL);
	vt_sink_bytes(&s, text, length);
	assert_int_equal(s.used, 2 * length);
	assert_memory_equal(s.buffer, text, length);
	vt_sink_discard(&s);
	free(text);
}

static void check_json(const char *text, size_t length, const char *expected)
{
	struct vt_sink s;

	assert_int_equal(vt_sink_memory(&s), 0);
	vt_json_string(&s, text, length);
	assert_string_equal(vt_sink_text(&s), expected);
	vt_sink_discard(&s);
}

#define JSON(text, expected) check_json(text, sizeof(text) - 1, expected)

static void json_strings(void **state)
{
	(void)state;
	JSON("", "\"\"");
	JSON("a\"b\\c\n\t", "\"a\\\"b\\\\c\\n\\t\"");
	JSON("</script>", "\"\\u003c/script>\"");
	JSON("\0\x1f\x7f", "\"\\u0000\\u001f\\u007f\"");
	JSON("\xff\xc0\x80x", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"");
	JSON("\xce\xbb", "\"\xce\xbb\"");
	JSON("\xe2\x80\xa8\xe2\x80\xae", "\"\\u2028\\u202e\"");
}

static void json_numbers(void **state)
{
	struct vt_sink s;

	(void)state;
	assert_int_equal(vt_sink_memory(&s), 0);
	vt_json_u64(&s, (1ull << 53) - 1);
	vt_sink_char(&s, ' ');
	vt_json_u64(&s, 1ull << 53);
	vt_sink_char(&s, ' ');
	vt_json_i64(&s, INT64_MIN);
	vt_sink_char(&s, ' ');
	vt_json_i64(&s, -11);
	vt_sink_char(&s, ' ');
	vt_json_float(&s, 0.5);
	vt_sink_char(&s, ' ');
	vt_json_float(&s, 1.0 / 0.0);
	assert_string_equal(vt_sink_text(&s), "9007199254740991 \"9007199254740992\" "
	                    "\"-9223372036854775808\" -11 0.5 null");
	vt_sink_discard(&s);
}

static void json_nesting(void **state)
{
	struct vt_sink s;
	struct vt_json j = { .out = &s };

	(void)state;
	assert_int_equal(vt_sink_memory(&s), 0);
	vt_json_open(&j, NULL, '{');
	vt_json_put_u64(&j, "a", 1);
	vt_json_open(&j, "b", '[');
	vt_json_close(&j, ']');
	vt_json_open(&j, "c", '{');
	vt_json_put_bool(&j, "d", true);
	vt_json_put_null(&j, "e");
	vt_json_close(&j, '}');
	vt_json_close(&j, '}');
	assert_string_equal(vt_sink_text(&s), "{\n  \"a\": 1,\n  \"b\": [],\n  \"c\": {\n"
	                    "    \"d\": true,\n    \"e\": null\n  }\n}");
	vt_sink_discard(&s);
}

/* ---- files --------------------------------------------------------------------------------- */

static char directory[] = "/tmp/vt-test-out.XXXXXX";
static char path[sizeof(directory) + 16];

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/out", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void read_back(const char *expected)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, expected);
}

static void files_appear_whole_and_only_replace_if_asked(void **state)
{
	struct vt_sink s;
	struct stat st;

	(void)state;
	assert_int_equal(vt_sink_open(&s, path, 0), 0);
	vt_sink_string(&s, "one");
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(vt_sink_close(&s), 0);
	read_back("one");
	assert_int_equal(vt_sink_open(&s, path, 0), -EEXIST);
	assert_int_equal(vt_sink_open(&s, path, VT_SINK_REPLACE), 0);
	vt_sink_string(&s, "two");
	vt_sink_discard(&s);
	read_back("one");
	assert_int_equal(vt_sink_open(&s, path, VT_SINK_REPLACE), 0);
	vt_sink_string(&s, "three");
	assert_int_equal(vt_sink_close(&s), 0);
	read_back("three");
	assert_int_equal(vt_sink_open(&s, "/nonexistent/x", 0), -ENOENT);
}

static void a_full_disk_is_told_once_at_the_end(void **state)
{
	struct vt_sink s;

	(void)state;
	assert_int_equal(vt_sink_open(&s, "/dev/full", 0), 0);
	for (unsigned i = 0; i < 200; i++)
		vt_sink_blanks(&s, VT_SINK_ROOM);
	assert_int_equal(s.error, ENOSPC);
	assert_int_equal(vt_sink_close(&s), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_strings),
		cmocka_unit_test(no_byte_gets_through),
		cmocka_unit_test(long_strings_are_whole),
		cmocka_unit_test(json_strings),
		cmocka_unit_test(json_numbers),
		cmocka_unit_test(json_nesting),
		cmocka_unit_test(files_appear_whole_and_only_replace_if_asked),
		cmocka_unit_test(a_full_disk_is_told_once_at_the_end),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

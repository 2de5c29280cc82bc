/*
 * test_protow.c - protobuf, byte by byte: what is expected stands in its documentation or is
 * worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "decoder/iids.h"
#include "decoder/protow.h"

static struct vt_sink out;

static int open_sink(void **state)
{
	(void)state;
	return vt_sink_memory(&out);
}

static int close_sink(void **state)
{
	(void)state;
	vt_sink_discard(&out);
	return 0;
}

static void expect(const void *bytes, size_t length)
{
	assert_int_equal(out.error, 0);
	assert_int_equal(out.used, length);
	assert_memory_equal(out.buffer, bytes, length);
	out.used = 0;
}

#define EXPECT(text) expect(text, sizeof(text) - 1)

static void numbers(void **state)
{
	(void)state;
	vt_proto_u64(&out, 1, 150);             /* the documentation's example */
	EXPECT("\x08\x96\x01");
	vt_proto_u64(&out, 1, 0);
	EXPECT("\x08\x00");
	vt_proto_u64(&out, 15, 127);
	EXPECT("\x78\x7f");
	vt_proto_u64(&out, 16, 128);            /* the tag has two bytes from here on */
	EXPECT("\x80\x01\x80\x01");
	vt_proto_u64(&out, 2, UINT64_MAX);
	EXPECT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	vt_proto_u64(&out, 2, (uint64_t)-2);    /* an int64 has always ten */
	EXPECT("\x10\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	vt_proto_bool(&out, 87, true);
	EXPECT("\xb8\x05\x01");
	vt_proto_fixed64(&out, 47, 0x0102030405060708u);
	EXPECT("\xf9\x02\x08\x07\x06\x05\x04\x03\x02\x01");
	vt_proto_double(&out, 5, 1.0);
	EXPECT("\x29\x00\x00\x00\x00\x00\x00\xf0\x3f");
}

static void texts(void **state)
{
	(void)state;
	vt_proto_string(&out, 2, "testing", 7); /* the documentation's example */
	EXPECT("\x12\x07testing");
	vt_proto_string(&out, 2, "", 0);
	EXPECT("\x12\x00");
	vt_proto_string(&out, 1, "\"\n\x01\0<", 5);
	EXPECT("\x0a\x05\"\n\x01\0<");
	vt_proto_string(&out, 1, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d", 9);
	EXPECT("\x0a\x09\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d");
	/* a byte that is none, one that is cut off, an overlong one, a surrogate */
	vt_proto_string(&out, 1, "a\xff", 2);
	EXPECT("\x0a\x04" "a\xef\xbf\xbd");
	vt_proto_string(&out, 1, "\xe2\x82", 2);
	EXPECT("\x0a\x06\xef\xbf\xbd\xef\xbf\xbd");
	vt_proto_string(&out, 1, "\xc0\x80", 2);
	EXPECT("\x0a\x06\xef\xbf\xbd\xef\xbf\xbd");
	vt_proto_string(&out, 1, "\xed\xa0\x80z", 4);
	EXPECT("\x0a\x0a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
	vt_proto_bytes(&out, 12, "\xff\0", 2);
	EXPECT("\x62\x02\xff\0");
}

static void messages(void **state)
{
	(void)state;
	size_t outer = vt_proto_open(&out, 1), inner = vt_proto_open(&out, 3);
	vt_proto_u64(&out, 1, 150);
	vt_proto_close(&out, inner);
	vt_proto_close(&out, outer);
	EXPECT("\x0a\x88\x80\x80\x00\x1a\x83\x80\x80\x00\x08\x96\x01");
	vt_proto_close(&out, vt_proto_open(&out, 1));
	EXPECT("\x0a\x80\x80\x80\x00");
}

/* Longer than two of the four bytes say, and than a sink's first room. */
static void a_long_message(void **state)
{
	static const char block[1000] = { 0 };
	size_t at = vt_proto_open(&out, 1), total;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		vt_proto_bytes(&out, 2, block, sizeof(block));
	vt_proto_close(&out, at);
	total = 40 * (1 + 2 + sizeof(block));
	assert_int_equal(out.used, 1 + 4 + total);
	uint64_t length = 0;
	for (unsigned i = 0; i < 4; i++)
		length |= (uint64_t)(out.buffer[1 + i] & 0x7f) << 7 * i;
	assert_int_equal(length, total);
	assert_int_equal(out.buffer[3] & 0x80, 0x80);
	assert_int_equal(out.buffer[4] & 0x80, 0);
}

static void numbered_texts(void **state)
{
	struct vt_iids t = { 0 };
	bool added;

	(void)state;
	assert_int_equal(vt_iid(&t, "a", 1, &added), 1);
	assert_true(added);
	assert_int_equal(vt_iid(&t, "a\0b", 3, &added), 2);
	assert_int_equal(vt_iid(&t, "a", 1, &added), 1);
	assert_false(added);
	assert_int_equal(vt_iid(&t, "", 0, &added), 3);
	for (unsigned i = 4; i <= VT_IIDS; i++) {
		assert_int_equal(vt_iid(&t, (const char *)&i, sizeof(i), &added), i);
		assert_true(added);
	}
	/* full: what is new has none, what is known keeps its own */
	assert_int_equal(vt_iid(&t, "new", 3, &added), 0);
	assert_false(added);
	assert_int_equal(vt_iid(&t, "a\0b", 3, &added), 2);
	vt_iids_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers, open_sink, close_sink),
		cmocka_unit_test_setup_teardown(texts, open_sink, close_sink),
		cmocka_unit_test_setup_teardown(messages, open_sink, close_sink),
		cmocka_unit_test_setup_teardown(a_long_message, open_sink, close_sink),
		cmocka_unit_test(numbered_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

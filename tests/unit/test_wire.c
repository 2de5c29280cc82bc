/* test_wire.c - the fixed structures: round trips, every limit, every cut, every flipped bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <valktrace/error.h>

#include "core/crc32c.h"
#include "core/wire.h"

/* Writes a number over encoded bytes and makes their checksum right again. */
static void patch(uint8_t *bytes, size_t crc_at, size_t at, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		bytes[at + i] = (uint8_t)(value >> 8 * i);
	vt_put_le32(bytes + crc_at, vt_crc32c(0, bytes, crc_at));
}

/* ---- error texts --------------------------------------------------------------------------- */

static void test_strerror(void **state)
{
	(void)state;
	assert_string_equal(vt_strerror(0), "success");
	assert_string_equal(vt_strerror(-VT_E_NOT_A_LOG), "not a valktrace file");
	assert_string_equal(vt_strerror(-VT_E_ABI), "built against another version of valktrace");
	assert_string_equal(vt_strerror(-2), "No such file or directory");
	assert_string_equal(vt_strerror(-99999), "unknown error");
	assert_string_equal(vt_strerror(5), "unknown error");
	assert_string_equal(vt_strerror(INT32_MIN), "unknown error");
}

/* ---- file header and tail ------------------------------------------------------------------ */

static struct vt_file_header file_header(void)
{
	return (struct vt_file_header){
		.run = 0x1122334455667788, .part = 3, .pid = 4711, .realtime = 1, .monotonic = 2,
		.ticks = 3, .tick_hz = 2100000000, .compat = 0x80,
	};
}

static void test_file_header(void **state)
{
	struct vt_file_header h = file_header(), back;
	uint8_t bytes[VT_FILE_HEADER], good[VT_FILE_HEADER];

	(void)state;
	vt_file_header_encode(&h, good);
	assert_memory_equal(good, "\x89VTL\r\n\x1a\n\x01\0\0\0\x80\0\0\0", 16);
	assert_memory_equal(good + 24, "\x88\x77\x66\x55\x44\x33\x22\x11\x03\0\0\0\x67\x12\0\0", 16);
	assert_int_equal(vt_file_header_decode(&back, good), 0);
	assert_memory_equal(&back, &h, sizeof(h));

	static const struct { size_t at; unsigned size; uint64_t value; int expected; } cases[] = {
		{ 8, 2, 2, -VT_E_VERSION }, { 8, 2, 0, -VT_E_VERSION }, { 10, 2, 9, 0 },
		{ 12, 4, 120, -VT_E_LIMIT }, { 12, 4, 4104, -VT_E_LIMIT }, { 12, 4, 4096, 0 },
		{ 12, 4, 132, -VT_E_LIMIT }, { 16, 4, 1, -VT_E_INCOMPAT }, { 20, 4, ~0u, 0 },
		{ 72, 8, ~0ull, 0 }, { 0, 1, 'x', -VT_E_NOT_A_LOG },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memcpy(bytes, good, sizeof(bytes));
		patch(bytes, 124, cases[i].at, cases[i].size, cases[i].value);
		assert_int_equal(vt_file_header_decode(&back, bytes), cases[i].expected);
	}
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		memcpy(bytes, good, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(vt_file_header_decode(&back, bytes),
		                 bit < 64 ? -VT_E_NOT_A_LOG : -VT_E_DAMAGED);
	}
}

static void test_file_tail(void **state)
{
	struct vt_file_tail t = { .run = 5, .footer = 256, .length = 1024, .chunks = 6, .events = 7 }, back;
	uint8_t bytes[VT_FILE_TAIL], good[VT_FILE_TAIL];

	(void)state;
	vt_file_tail_encode(&t, good);
	assert_memory_equal(good, "VTRCTAIL\5\0\0\0\0\0\0\0\0\1", 18);
	assert_int_equal(vt_file_tail_decode(&back, good), 0);
	assert_memory_equal(&back, &t, sizeof(t));
	static const struct { size_t at; uint64_t value; int expected; } cases[] = {
		{ 16, 120, -VT_E_LIMIT }, { 16, 257, -VT_E_LIMIT }, { 16, 968, -VT_E_LIMIT },
		{ 16, ~0ull & ~7ull, -VT_E_LIMIT }, { 16, 960, 0 }, { 24, 184, -VT_E_LIMIT },
		{ 24, 0, -VT_E_LIMIT }, { 24, 1025, -VT_E_LIMIT }, { 32, ~0ull, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memcpy(bytes, good, sizeof(bytes));
		patch(bytes, 60, cases[i].at, 8, cases[i].value);
		assert_int_equal(vt_file_tail_decode(&back, bytes), cases[i].expected);
	}
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		memcpy(bytes, good, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(vt_file_tail_decode(&back, bytes),
		                 bit < 64 ? -VT_E_NOT_A_LOG : -VT_E_DAMAGED);
	}
}

/* ---- chunks -------------------------------------------------------------------------------- */

static struct vt_section_entry entries[2] = {
	{ .category = 2, .codec = VT_CODEC_ZSTD, .types = 1, .stored = 13, .frame = 12, .raw = 100,
	  .events = 5, .t_min = 1000, .t_max = 1900, .first = 7, .crc_stored = 1, .crc_raw = 2 },
	{ .category = 10, .codec = VT_CODEC_NONE, .types = 3, .stored = 24, .frame = 24, .raw = 24,
	  .events = 3, .t_min = 1100, .t_max = 2000, .first = 8, .crc_stored = 3, .crc_raw = 4 },
};

static struct vt_chunk_header events_header(void)
{
	return (struct vt_chunk_header){
		.run = 9, .type = VT_CHUNK_EVENTS, .sections = 2, .stored = 128 + 16 + 24, .raw = 124,
		.sequence = 4, .ring = 1, .process = 2, .pos_begin = 64, .pos_end = 640, .first = 11,
		.events = 8, .t_min = 1000, .t_max = 2000, .categories = 1u << 2 | 1u << 10, .crc_table = 12,
	};
}

struct header_case { size_t at; unsigned size; uint64_t value; int expected; };

static void check_headers(const uint8_t good[VT_CHUNK_HEADER], const struct header_case *cases, size_t n)
{
	uint8_t bytes[VT_CHUNK_HEADER];
	struct vt_chunk_header back;

	for (size_t i = 0; i < n; i++) {
		memcpy(bytes, good, sizeof(bytes));
		patch(bytes, 124, cases[i].at, cases[i].size, cases[i].value);
		assert_int_equal(vt_chunk_header_decode(&back, bytes, sizeof(bytes)), cases[i].expected);
	}
}

static void test_events_header(void **state)
{
	struct vt_chunk_header h = events_header(), back;
	uint8_t good[VT_CHUNK_HEADER], bytes[VT_CHUNK_HEADER];

	(void)state;
	vt_chunk_header_encode(&h, good);
	assert_memory_equal(good, "VTLCHNK1\x09\0\0\0\0\0\0\0\x80\0\1\0\0\0\2\0\xa8\0\0\0\x7c", 29);
	assert_int_equal(vt_chunk_header_decode(&back, good, sizeof(good)), 0);
	assert_memory_equal(&back, &h, sizeof(h));
	assert_int_equal(vt_chunk_total(&h), 128 + 168 + 16);

	static const struct header_case cases[] = {
		{ 16, 2, 120, -VT_E_LIMIT }, { 16, 2, 1032, -VT_E_LIMIT }, { 16, 2, 130, -VT_E_LIMIT },
		{ 16, 2, 136, -VT_E_SHORT }, { 20, 1, 2, -VT_E_DAMAGED }, { 21, 1, 0xff, 0 },
		{ 22, 2, 0, -VT_E_LIMIT }, { 22, 2, 65, -VT_E_LIMIT }, { 22, 2, 3, -VT_E_LIMIT },
		{ 24, 4, VT_MAX_STORED + 8, -VT_E_LIMIT }, { 24, 4, VT_MAX_STORED, 0 },
		{ 24, 4, ~0u, -VT_E_LIMIT }, { 24, 4, 120, -VT_E_LIMIT }, { 24, 4, 129, -VT_E_LIMIT },
		{ 28, 4, VT_MAX_RAW + 1, -VT_E_LIMIT }, { 28, 4, VT_MAX_RAW, 0 },
		{ 40, 4, VT_MAX_RINGS, -VT_E_LIMIT }, { 44, 4, VT_NO_PROCESS, -VT_E_LIMIT },
		{ 48, 8, 641, -VT_E_DAMAGED }, { 72, 4, 1, -VT_E_LIMIT }, { 72, 4, 1001, 0 },
		{ 72, 4, 1002, -VT_E_DAMAGED }, { 72, 4, ~0u, -VT_E_LIMIT },
		{ 76, 4, ~0u, 0 }, { 80, 8, 2001, -VT_E_DAMAGED }, { 104, 8, ~0ull, 0 },
	};
	check_headers(good, cases, sizeof(cases) / sizeof(*cases));
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		memcpy(bytes, good, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(vt_chunk_header_decode(&back, bytes, sizeof(bytes)) < 0);
	}
	for (size_t n = 0; n < sizeof(good); n++)
		assert_int_equal(vt_chunk_header_decode(&back, good, n), -VT_E_SHORT);
}

static void test_other_header(void **state)
{
	struct vt_chunk_header h = {
		.run = 9, .type = VT_CHUNK_SCHEMA, .codec = VT_CODEC_LZ4, .stored = 13, .raw = 99,
		.process = VT_NO_PROCESS,
	};
	uint8_t good[VT_CHUNK_HEADER];

	(void)state;
	vt_chunk_header_encode(&h, good);
	assert_int_equal(vt_chunk_total(&h), 128 + 16 + 16);
	static const struct header_case cases[] = {
		{ 18, 2, 99, 0 }, { 18, 2, 0x80ff, 0 }, { 20, 1, 77, 0 }, { 20, 1, 0, -VT_E_DAMAGED },
		{ 22, 2, 1, -VT_E_DAMAGED }, { 24, 4, VT_MAX_STORED + 1, -VT_E_LIMIT },
		{ 28, 4, VT_MAX_RAW + 1, -VT_E_LIMIT }, { 44, 4, VT_MAX_PROCESSES, -VT_E_LIMIT },
		{ 44, 4, 0, 0 }, { 24, 4, 0, 0 },
	};
	check_headers(good, cases, sizeof(cases) / sizeof(*cases));
}

/* A header that a later minor made longer: its crc covers the rest, which is skipped. */
static void test_longer_header(void **state)
{
	struct vt_chunk_header h = events_header(), back;
	uint8_t bytes[136] = { 0 };

	(void)state;
	vt_chunk_header_encode(&h, bytes);
	memset(bytes + 128, 0xab, 8);
	bytes[16] = 136;
	uint32_t crc = vt_crc32c(vt_crc32c(0, bytes, 124), bytes + 128, 8);
	vt_put_le32(bytes + 124, crc);
	assert_int_equal(vt_chunk_header_decode(&back, bytes, 136), 0);
	assert_int_equal(back.length, 136);
	assert_int_equal(vt_chunk_total(&back), 136 + 168 + 16);
	assert_int_equal(vt_chunk_header_decode(&back, bytes, 135), -VT_E_SHORT);
	bytes[130] ^= 1;
	assert_int_equal(vt_chunk_header_decode(&back, bytes, 136), -VT_E_DAMAGED);
}

static void test_trailer(void **state)
{
	struct vt_chunk_header h = events_header();
	uint8_t header[VT_CHUNK_HEADER], trailer[VT_CHUNK_TRAILER];

	(void)state;
	vt_chunk_header_encode(&h, header);
	vt_chunk_trailer_encode(&h, trailer);
	assert_int_equal(vt_le32(trailer), 312);
	assert_memory_equal(trailer + 4, header + 124, 4);
	assert_memory_equal(trailer + 8, "1KNHCLTV", 8);
	assert_int_equal(vt_chunk_trailer_check(&h, trailer), 0);
	for (size_t bit = 0; bit < 8 * sizeof(trailer); bit++) {
		trailer[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(vt_chunk_trailer_check(&h, trailer), -VT_E_DAMAGED);
		trailer[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_section_entry(void **state)
{
	uint8_t good[VT_SECTION_ENTRY], bytes[VT_SECTION_ENTRY];
	struct vt_section_entry back;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		vt_section_entry_encode(&entries[i], good);
		assert_int_equal(vt_section_entry_decode(&back, good), 0);
		assert_memory_equal(&back, &entries[i], sizeof(back));
	}
	vt_section_entry_encode(&entries[0], good);
	assert_memory_equal(good, "\2\2\1\0\x0d\0\0\0\x0c\0\0\0\x64\0\0\0\5\0\0\0\0\0\0\0\xe8\3", 26);
	static const struct header_case cases[] = {
		{ 0, 1, 64, -VT_E_LIMIT }, { 0, 1, 63, 0 }, { 1, 1, 99, 0 }, { 1, 1, 0, -VT_E_DAMAGED },
		{ 2, 2, 0, -VT_E_LIMIT }, { 2, 2, 257, -VT_E_LIMIT }, { 2, 2, 256, 0 },
		{ 4, 4, 11, -VT_E_LIMIT }, { 4, 4, VT_MAX_STORED + 1, -VT_E_LIMIT },
		{ 8, 4, 14, -VT_E_LIMIT }, { 8, 4, 13, 0 }, { 8, 4, 0, -VT_E_LIMIT },
		{ 12, 4, 0, -VT_E_LIMIT }, { 12, 4, 13 * 512, 0 }, { 12, 4, 13 * 512 + 1, -VT_E_LIMIT },
		{ 12, 4, VT_MAX_RAW + 1, -VT_E_LIMIT }, { 16, 4, 0, -VT_E_LIMIT },
		{ 16, 4, 901, 0 }, { 16, 4, 902, -VT_E_DAMAGED }, { 16, 4, VT_MAX_EVENTS + 1, -VT_E_LIMIT },
		{ 24, 8, 1901, -VT_E_DAMAGED }, { 20, 4, ~0u, 0 }, { 56, 8, ~0ull, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memcpy(bytes, good, sizeof(bytes));
		for (unsigned k = 0; k < cases[i].size; k++)
			bytes[cases[i].at + k] = (uint8_t)(cases[i].value >> 8 * k);
		assert_int_equal(vt_section_entry_decode(&back, bytes), cases[i].expected);
	}
}

static void test_section_table(void **state)
{
	struct vt_chunk_header h = events_header();
	struct vt_section_entry table[2];

	(void)state;
	assert_int_equal(vt_section_table_check(entries, &h), 0);
#define BROKEN(change) do { \
		memcpy(table, entries, sizeof(table)); \
		h = events_header(); \
		change; \
		assert_int_equal(vt_section_table_check(table, &h), -VT_E_DAMAGED); \
	} while (0)
	BROKEN(table[1].category = 2);
	BROKEN((table[0].category = 10, table[1].category = 2));
	BROKEN(table[0].category = 3);
	BROKEN(table[0].stored = 17);
	BROKEN(table[0].raw = 101);
	BROKEN(table[1].events = 2);
	BROKEN(table[0].t_min = 999);
	BROKEN(table[1].t_max = 2001);
	BROKEN(h.t_min = 999);
	BROKEN(h.t_max = 2001);
	BROKEN(h.categories |= 1);
	BROKEN(h.stored += 8);
	BROKEN(h.raw++);
	BROKEN(h.events++);
	/* Sums that wrap in 32 bits do not pass. */
	BROKEN((table[0].raw = 0x80000000u, table[1].raw = 0x80000000u + 124));
	BROKEN((table[0].events = 0x80000000u, table[1].events = 0x80000000u + 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strerror),
		cmocka_unit_test(test_file_header),
		cmocka_unit_test(test_file_tail),
		cmocka_unit_test(test_events_header),
		cmocka_unit_test(test_other_header),
		cmocka_unit_test(test_longer_header),
		cmocka_unit_test(test_trailer),
		cmocka_unit_test(test_section_entry),
		cmocka_unit_test(test_section_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

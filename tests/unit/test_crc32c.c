/* test_crc32c.c - known vectors, pieces, and the table against the instruction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/crc32c.h"

/* RFC 3720, B.4, and the check value of the catalogue of parametrised CRCs. */
static void test_vectors(void **state)
{
	uint8_t bytes[32];

	(void)state;
	assert_int_equal(vt_crc32c(0, "", 0), 0);
	assert_int_equal(vt_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(vt_crc32c(0, memset(bytes, 0, 32), 32), 0x8a9136aa);
	assert_int_equal(vt_crc32c(0, memset(bytes, 0xff, 32), 32), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(vt_crc32c(0, bytes, 32), 0x46dd794e);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(vt_crc32c(0, bytes, 32), 0x113fdb5c);
	assert_int_equal(vt_crc32c_table(0, bytes, 32), 0x113fdb5c);
	assert_int_equal(vt_crc32c_table(0, "123456789", 9), 0xe3069283);
}

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

static void test_table_is_instruction(void **state)
{
	static uint8_t bytes[4096];
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)next(&x);
	for (unsigned round = 0; round < 2000; round++) {
		size_t from = next(&x) % 64, length = next(&x) % (sizeof(bytes) - 64);
		uint32_t crc = (uint32_t)next(&x);

		assert_int_equal(vt_crc32c(crc, bytes + from, length),
		                 vt_crc32c_table(crc, bytes + from, length));
	}
}

static void test_pieces(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog, twice a day";
	uint32_t whole = vt_crc32c(0, text, sizeof(text));

	(void)state;
	for (size_t cut = 0; cut <= sizeof(text); cut++) {
		uint32_t crc = vt_crc32c(0, text, cut);
		assert_int_equal(vt_crc32c(crc, text + cut, sizeof(text) - cut), whole);
		crc = vt_crc32c_table(0, text, cut);
		assert_int_equal(vt_crc32c_table(crc, text + cut, sizeof(text) - cut), whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_table_is_instruction),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

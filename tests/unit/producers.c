/* producers.c - see producers.h. */
#include <string.h>
#include <unistd.h>

#include <valktrace.h>

#include "tests/unit/child.h"
#include "tests/unit/producers.h"

void attach(const char *directory, uint32_t segment, uint32_t segments, uint32_t slots,
            enum vt_ring_mode mode, bool follow_fork)
{
	struct vt_geometry g = {
		.segment_size = segment, .segment_count = segments, .slot_count = slots,
		.string_count = 1024, .mode = mode,
	};
	uint64_t all = ~(1ull << VT_CAT_meta);

	CHECK_EQUAL(vt_process_attach(directory, 0x7e57, &g, all, NULL, follow_fork), 0);
}

static void text_of(uint64_t number, char *text, size_t length)
{
	memset(text, (int)('a' + hash_of(number) % 26), length);
}

unsigned emit_number(uint64_t number, bool plain)
{
	uint64_t h = hash_of(number);
	char text[VT_MAX_TEXT];

	switch (h % 8) {
	case 0:
		if (plain)
			break;
		/* Some of these are longer than a quarter of a small segment. */
		text_of(number, text, h >> 8 & 1023);
		vt_emit_text(VT_EV_custom_note, &number, 1, text, h >> 8 & 1023);
		return VT_CAT_custom;
	case 1:
		VT_EMIT(gc, end, .cycle = number, .time = h, .reclaimed = ~h, .heap_old = h >> 7);
		return VT_CAT_gc;
	case 2:
		VT_EMIT(loop, idle, .time = number << 20 | (h & 0xfffff));
		return VT_CAT_loop;
	default:
		break;
	}
	VT_EMIT(syscall, call, .number = number, .result = (int64_t)h, .time = h * 3);
	return VT_CAT_syscall;
}

uint64_t number_of(unsigned id, const uint64_t *values, const char *text)
{
	uint64_t number = id == VT_EV_loop_idle ? values[0] >> 20 : values[0], h = hash_of(number);
	char want[VT_MAX_TEXT];

	switch (id) {
	case VT_EV_custom_note:
		text_of(number, want, h >> 8 & 1023);
		return values[1] == (h >> 8 & 1023) && memcmp(text, want, values[1]) == 0 ? number : 0;
	case VT_EV_gc_end:
		return values[1] == h && values[2] == ~h && values[6] == h >> 7 && values[3] == 0 ? number : 0;
	case VT_EV_loop_idle:
		return (values[0] & 0xfffff) == (h & 0xfffff) ? number : 0;
	case VT_EV_syscall_call:
		return values[1] == h && values[2] == h * 3 ? number : 0;
	default:
		return 0;
	}
}

void *produce(void *user)
{
	struct producer *p = user;

	p->tid = (uint32_t)gettid();
	for (uint64_t n = 1; n <= p->count; n++) {
		p->attempted[emit_number(n, p->plain)]++;
		if (p->acknowledge)
			__atomic_store_n(p->acknowledge, n, __ATOMIC_RELEASE);
	}
	return NULL;
}

void check_number(void *bad, struct mem_ring *ring, const struct mem_event *e)
{
	uint64_t *last = &ring->last_number[e->id >> 8];
	uint64_t number = number_of(e->id, e->values, e->text);

	if (number <= *last)            /* 0: torn or invented */
		++*(uint64_t *)bad;
	else
		*last = number;
}

/* test_rule.c - rules: what is one and what is not, and values against those worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <valktrace/error.h>

#include "core/rule.h"

static int parse(struct vt_rule *r, const char *text)
{
	char problem[256] = "";
	int err = vt_rule_parse(r, text, vt_schema_builtin(), problem, sizeof(problem));

	assert_int_equal(err != 0, *problem != 0);
	return err;
}

static struct vt_rule rule(const char *text)
{
	struct vt_rule r;
	assert_int_equal(parse(&r, text), 0);
	return r;
}

static void limit_is(const char *text, double limit)
{
	struct vt_rule r = rule(text);
	if (!(r.limit >= limit && r.limit <= limit))
		fail_msg("%s: limit %.17g, not %.17g", text, r.limit, limit);
}

static void test_units(void **state)
{
	(void)state;
	limit_is("gc.time > 10%", 10);
	limit_is("gc.time>0.1 %", 0.1);
	limit_is("tick.max > 16ms", 16e6);
	limit_is("tick.max > 1.5us", 1500);
	limit_is("tick.max > 0.1ms", 100000);
	limit_is("tick.max > 7ns", 7);
	limit_is("tick.max > 2 s", 2e9);
	limit_is("tick.max > 1min", 60e9);
	limit_is("gc.heap.used > 1", 1);
	limit_is("gc.heap.used > 64KiB", 65536);
	limit_is("gc.heap.used > 1.5M", 1572864);
	limit_is("gc.heap.used > 2GiB", 2147483648.0);
	limit_is("gc.cycles > 999999999999999", 999999999999999.0);
	limit_is("gc.rate > 10/s", 10);
	limit_is("gc.cycles > .5", 0.5);
	limit_is("valk_gc_pause_seconds_total > 1s", 1e9);
	limit_is("gc_reclaimed/s > 1MiB", 1048576);
}

static void test_spelling(void **state)
{
	(void)state;
	assert_string_equal(rule("gc.time>10%").text, "gc.time > 10 %");
	assert_string_equal(rule("\t gc.time  >=\t10 % ").text, "gc.time >= 10 %");
	assert_string_equal(rule("tick.max=16 ms").text, "tick.max == 16ms");
	assert_int_equal(rule("lost != 3").op, VT_OP_NE);
	assert_int_equal(rule("lost < 3").op, VT_OP_LT);
	assert_int_equal(rule("lost <= 3").op, VT_OP_LE);
}

static void test_not_rules(void **state)
{
	static const char *const bad[] = {
		"", " ", ">", "gc.time", "gc.time >", "> 10%", "gc.time 10%", "gc.time > %", "gc.time > ten%",
		"gc.time > 10", "gc.time > 10ms", "gc.time > -1%", "gc.time > 1e3%", "gc.time > 0x10%",
		"gc.time > 1.2.3%", "gc.time > nan%", "gc.time > inf%", "gc.time > 10%%", "gc.time > 10% x",
		"gc.time => 10%", "gc.time ~ 10%", "gc.time > 1,5%", "gc.time > 1000000000000000%", "gc.time > .%",
		"tick.max > 16", "tick.max > 16 m", "gc.cycles > 10ms", "gc.cycles > 10%", "gc.heap.used > 10%",
		"gc_heap_used/s > 1", "gc_pause_max/s > 1%", "meta.enabled.max > 1s", "gc.time\n> 10%",
		"gc.time > 10%\n", "g\xc3\xa4 > 1", "gc time > 1%", "\x1b[31m > 1", "gc.time;gc.heap > 1%",
	};
	struct vt_rule r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(&r, bad[i]) != -VT_E_OPTION)
			fail_msg("'%s' is taken for a rule", bad[i]);
	assert_int_equal(parse(&r, "gc.tme > 10%"), -VT_E_UNKNOWN_FIELD);
	assert_string_equal(r.name, "gc.tme");
	assert_int_equal(parse(&r, "gc.pause.p98 > 10ms"), -VT_E_UNKNOWN_FIELD);
	assert_int_equal(parse(&r, "/s > 1"), -VT_E_UNKNOWN_FIELD);
	assert_int_equal(parse(&r, "valk_gc_cycles_tota > 1"), -VT_E_UNKNOWN_FIELD);
	assert_int_equal(parse(&r, ". > 1"), -VT_E_UNKNOWN_FIELD);
}

static void test_long(void **state)
{
	char text[4096];
	struct vt_rule r;

	(void)state;
	for (size_t n = 1; n < sizeof(text); n++) {
		memset(text, 'a', n);
		text[n] = 0;
		assert_true(parse(&r, text) < 0);
		if (n > 5) {
			memcpy(text + n - 4, " > 1", 4);
			assert_true(parse(&r, text) < 0);
			memset(text, '1', n);
			memcpy(text, "lost>", 5);
			assert_int_equal(parse(&r, text) == 0, n <= 20);
		}
	}
}

/* Whatever it is made of, a rule is read or refused, and what was read is read again as itself. */
static void test_random(void **state)
{
	static const char *const pieces[] = {
		"gc.time", "gc.heap", "tick.max", "lost", "valk_gc_cycles_total", "gc_time", "/s", ".p99", ".max",
		".count", "gc.pause", "interp.call", ">", ">=", "<", "==", "!=", "=", "10", "1.5", "999999999999999",
		"0", "%", "ms", "s", "MiB", " ", "\t", ".", "-", "\xff", "\n", "%s", "%n", "",
	};
	uint64_t seed = 88172645463325252u;
	unsigned good = 0;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		char text[256] = "", problem[64];
		struct vt_rule r, again;
		for (unsigned k = 0; k < 6; k++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			/* Half of them in the order of a rule. */
			size_t from = i % 2 ? 0 : k == 0 ? 0 : k == 1 ? 6 : k == 2 ? 12 : k == 3 ? 18 : k == 4 ? 22 : 34;
			size_t room = i % 2 ? 35 : k == 0 ? 12 : k == 1 ? 5 : k == 2 ? 6 : k == 3 ? 4 : k == 4 ? 5 : 1;
			if (i % 2 || k != 1 || seed % 4 == 0)
				strcat(text, pieces[from + seed % room]);
		}
		if (vt_rule_parse(&r, text, vt_schema_builtin(), problem, sizeof(problem)) < 0)
			continue;
		good++;
		assert_int_equal(vt_rule_parse(&again, r.text, vt_schema_builtin(), problem, sizeof(problem)), 0);
		assert_string_equal(r.text, again.text);
		assert_true(r.limit >= again.limit && r.limit <= again.limit);
	}
	assert_true(good > 1000);
}

static void test_subjects(void **state)
{
	char text[256];
	static const char *const units[] = { "1", "1%", "1ms", "1KiB" };

	(void)state;
	/* Each takes exactly one kind of unit; bytes are a plain number as well. */
	for (size_t i = 0; vt_rule_subject(i); i++) {
		unsigned taken = 0;
		for (unsigned u = 0; u < 4; u++) {
			struct vt_rule r;
			snprintf(text, sizeof(text), "%s > %s", vt_rule_subject(i), units[u]);
			taken += parse(&r, text) == 0 && (u != 0 || r.unit != VT_RULE_BYTES);
		}
		assert_int_equal(taken, 1);
		assert_non_null(vt_rule_subject_help(i));
	}
	struct vt_rule r = rule("valk_gc_phase_seconds_total > 1s");
	assert_int_equal(r.metric_count, 5);
	assert_int_equal(rule("gc_mark_time > 1s").metric_count, 1);
	assert_string_equal(rule("gc.mark.p99 > 1ms").event, "gc.mark_end");
	assert_string_equal(rule("gc.mark.count > 1").event, "gc.mark");
	assert_string_equal(rule("loop.idle.max > 1ms").event, "loop.idle");
	assert_int_equal(rule("gc_mark_time/s > 1%").how, VT_HOW_SHARE);
}

static void value_is(const char *text, double value, const char *expected)
{
	struct vt_rule r = rule(text);
	char got[32];
	assert_string_equal(vt_rule_value(&r, value, got), expected);
}

static void test_values(void **state)
{
	(void)state;
	value_is("gc.time > 1%", 3.2, "3.2 %");
	value_is("gc.time > 1%", 10, "10 %");
	value_is("gc.time > 1%", 0.0123, "0.012 %");
	value_is("gc.time > 1%", 99.96, "100.0 %");
	value_is("tick.max > 1s", 21.4e6, "21.4ms");
	value_is("tick.max > 1s", 0, "0ns");
	value_is("tick.max > 1s", 999, "999ns");
	value_is("tick.max > 1s", 999.7, "1.00us");
	value_is("tick.max > 1s", 999600, "1.00ms");
	value_is("tick.max > 1s", 1.5e9, "1.50s");
	value_is("tick.max > 1s", 1e18, "9000000s");
	value_is("gc.heap.used > 1", 1023, "1023B");
	value_is("gc.heap.used > 1", 1111490, "1.06MiB");
	value_is("gc.cycles > 1", 9637, "9637");
	value_is("gc.rate > 1", 0.333333, "0.33");
	value_is("gc.rate > 1", -1, "0");
	value_is("gc.rate > 1", 1e300, "9000000000000000");
}

/* ---- judging --------------------------------------------------------------------------------------- */

static void set(struct vt_point *p, unsigned metric, uint64_t value)
{
	p->present[metric / 64] |= 1ull << metric % 64;
	p->values[metric] = value;
}

static struct vt_judgement judge(const struct vt_rule *r, struct vt_rule_state *s, const struct vt_point *p,
                                 bool last)
{
	struct vt_judgement j;
	vt_rule_judge(r, s, p, last, 1000, &j);
	return j;
}

static void is(struct vt_judgement j, enum vt_verdict verdict, double value)
{
	assert_int_equal(j.verdict, verdict);
	if (!(j.value >= value && j.value <= value))
		fail_msg("value %.17g, not %.17g", j.value, value);
}

static void test_share(void **state)
{
	struct vt_rule r = rule("gc.time > 10%");
	struct vt_point p = { .ns = 11000 };
	struct vt_rule_state s;

	(void)state;
	vt_rule_begin(&s, 1000);
	is(judge(&r, &s, &p, false), VT_RULE_ABSENT, 0);
	set(&p, VT_M_gc_pause_time, 1000);
	is(judge(&r, &s, &p, false), VT_RULE_HOLDS, 10);        /* 1000 of 10000: not more than 10 % */
	p.ns += 999;
	is(judge(&r, &s, &p, false), VT_RULE_WAITS, 0);         /* too short: goes on */
	p.ns += 1001;
	set(&p, VT_M_gc_pause_time, 1300);
	struct vt_judgement j = judge(&r, &s, &p, false);
	is(j, VT_RULE_VIOLATED, 15);                            /* 300 of 2000 */
	assert_int_equal(j.from, 11000);
	assert_int_equal(j.to, 13000);
	assert_int_equal(j.fresh, 2000);
	p.ns += 500;                                            /* the last, too short: with the one before */
	set(&p, VT_M_gc_pause_time, 1400);
	j = judge(&r, &s, &p, true);
	is(j, VT_RULE_VIOLATED, 16);                            /* 400 of 2500 */
	assert_int_equal(j.from, 11000);
	assert_int_equal(j.fresh, 500);
	/* More than there was is all of it; a counter that runs backwards is none. */
	p.ns += 1000;
	set(&p, VT_M_gc_pause_time, 5400);
	is(judge(&r, &s, &p, false), VT_RULE_VIOLATED, 100);
	p.ns += 1000;
	set(&p, VT_M_gc_pause_time, 0);
	is(judge(&r, &s, &p, false), VT_RULE_HOLDS, 0);
	is(judge(&r, &s, &p, true), VT_RULE_WAITS, 0);          /* the same moment again */
}

/* A loop that sleeps for long tells of it when it wakes: until then nobody knows. */
static void test_idle(void **state)
{
	struct vt_rule r = rule("loop.idle < 5%"), busy = rule("loop.busy > 95%");
	struct vt_point p = { .ns = 2000 };
	struct vt_rule_state s, b;

	(void)state;
	vt_rule_begin(&s, 0);
	vt_rule_begin(&b, 0);
	set(&p, VT_M_loop_idle_time, 1000);
	set(&p, VT_M_loop_iterations, 1);
	is(judge(&r, &s, &p, false), VT_RULE_HOLDS, 50);
	is(judge(&busy, &b, &p, false), VT_RULE_HOLDS, 50);
	p.ns = 4000;
	is(judge(&r, &s, &p, false), VT_RULE_WAITS, 0);
	p.ns = 12000;
	set(&p, VT_M_loop_idle_time, 10900);
	set(&p, VT_M_loop_iterations, 2);
	is(judge(&r, &s, &p, false), VT_RULE_HOLDS, 99);
	p.ns = 22000;
	set(&p, VT_M_loop_iterations, 3);
	is(judge(&r, &s, &p, true), VT_RULE_VIOLATED, 0);
	is(judge(&busy, &b, &p, true), VT_RULE_HOLDS, 100 - 49.5);
}

static void test_moments(void **state)
{
	struct vt_rule heap = rule("gc.heap > 90%"), used = rule("gc.heap.used >= 1KiB"), tick = rule("tick.mean > 10ms");
	struct vt_rule errors = rule("syscall.error_rate > 1%"), family = rule("valk_gc_phase_seconds_total == 30ns");
	struct vt_rule lost = rule("lost > 0"), share = rule("lost.share >= 25%"), rate = rule("gc.rate > 1999999");
	struct vt_point p = { .ns = 1000, .lost = 1, .events = 3 };
	struct vt_rule_state s;

	(void)state;
	vt_rule_begin(&s, 0);
	set(&p, VT_M_gc_heap_used, 1024);
	is(judge(&heap, &s, &p, false), VT_RULE_ABSENT, 0);
	set(&p, VT_M_gc_heap_total, 0);
	is(judge(&heap, &s, &p, false), VT_RULE_ABSENT, 0);     /* of an unknown size */
	set(&p, VT_M_gc_heap_total, 1100);
	is(judge(&heap, &s, &p, false), VT_RULE_VIOLATED, 100.0 * 1024 / 1100);
	is(judge(&used, &s, &p, false), VT_RULE_VIOLATED, 1024);
	set(&p, VT_M_kernel_tick_time, 0);
	set(&p, VT_M_kernel_ticks, 0);
	assert_true(judge(&tick, &s, &p, false).empty);         /* no tick is no fault */
	is(judge(&tick, &s, &p, false), VT_RULE_HOLDS, 0);
	set(&p, VT_M_kernel_tick_time, 30000003);
	set(&p, VT_M_kernel_ticks, 3);
	is(judge(&tick, &s, &p, false), VT_RULE_VIOLATED, 10000001);
	set(&p, VT_M_kernel_syscalls, 100);
	set(&p, VT_M_kernel_syscall_errors, 1);
	is(judge(&errors, &s, &p, false), VT_RULE_HOLDS, 1);
	set(&p, VT_M_gc_mark_time, 10);
	set(&p, VT_M_gc_sweep_time, 20);
	is(judge(&family, &s, &p, false), VT_RULE_VIOLATED, 30);
	is(judge(&lost, &s, &p, false), VT_RULE_VIOLATED, 1);
	is(judge(&share, &s, &p, false), VT_RULE_VIOLATED, 25);
	set(&p, VT_M_gc_cycles, 2);
	is(judge(&rate, &s, &p, false), VT_RULE_VIOLATED, 2000000);
	set(&p, VT_M_gc_cycles, UINT64_MAX);
	p.ns = UINT64_MAX;
	assert_int_equal(judge(&rate, &s, &p, false).verdict, VT_RULE_VIOLATED);
}

static void test_worse(void **state)
{
	struct vt_rule r = rule("lost > 5");

	(void)state;
	assert_true(vt_rule_worse(&r, 7, 6) && !vt_rule_worse(&r, 6, 6) && !vt_rule_breaks(&r, 5));
	r = rule("lost < 5");
	assert_true(vt_rule_worse(&r, 3, 4) && vt_rule_breaks(&r, 4) && !vt_rule_breaks(&r, 5));
	r = rule("lost == 5");
	assert_true(vt_rule_worse(&r, 4, 7) && vt_rule_breaks(&r, 5) && !vt_rule_breaks(&r, 4));
	r = rule("lost != 5");
	assert_true(vt_rule_worse(&r, 2, 6) && !vt_rule_breaks(&r, 5) && vt_rule_breaks(&r, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units), cmocka_unit_test(test_spelling), cmocka_unit_test(test_not_rules),
		cmocka_unit_test(test_long), cmocka_unit_test(test_random), cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_values), cmocka_unit_test(test_share), cmocka_unit_test(test_idle),
		cmocka_unit_test(test_moments), cmocka_unit_test(test_worse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

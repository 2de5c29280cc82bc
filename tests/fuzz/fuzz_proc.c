/*
 * fuzz_proc.c - texts of /proc: of a process, of the machine's memory in two readings, of its
 * stalls.
 */
#include <string.h>

#include "collectors/pressure.h"
#include "collectors/process.h"
#include "collectors/vm.h"
#include "tests/fuzz/fuzz.h"

static unsigned told;

static void set(const struct vt_collect *c, uint32_t process, unsigned metric, uint64_t value)
{
	(void)c, (void)value;
	fuzz_must(process == VT_COLLECT_RUN && metric < VT_METRIC_COUNT);
	told++;
}

static void unset(const struct vt_collect *c, uint32_t process, unsigned metric)
{
	set(c, process, metric, 0);
}

static void machine(const char *text, size_t size)
{
	const struct vt_collect api = { .set = set, .unset = unset };
	struct vt_vm vm = { .interval = 1000000000 };
	struct vt_vm_time now = { 5000000000, 9000000000 };
	const char *half = text + size / 2;

	vt_vm_take(&vm, &api, text, now);
	now.monotonic += 1000000000 + size;
	now.boot += 1000000000 + (size & 1 ? 3000000000 : size);
	vt_vm_take(&vm, &api, half, now);
	now.monotonic += size;
	vt_vm_take(&vm, &api, text, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_process_values values = { .have = { false } };
	struct vt_proc_stat stat;
	uint64_t a, b;
	char *text = fuzz_text(data, size);

	if (vt_proc_stat(text, &stat)) {
		fuzz_must(stat.state);
		vt_process_take_stat(&values, &stat, 100);
	}
	vt_process_take_status(&values, text);
	vt_process_take_io(&values, text);
	vt_process_switches(text, &a, &b);
	vt_process_delay(text, &a);
	vt_pressure_total(text, "some", &a);
	vt_pressure_total(text, "full", &a);
	machine(text, strlen(text));
	free(text);
	return 0;
}

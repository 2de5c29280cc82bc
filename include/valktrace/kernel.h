/*
 * kernel.h - count what the kernel-style summary shows: system calls, ticks, processes, signals,
 * timers, bytes. Counters are always on while a recording runs; the events only with their category.
 * Of each call there are statistics as well (how often, how long, how many failed), in the log and in
 * `valktrace summary`: a few instructions in cells of the calling thread.
 */
#ifndef VALKTRACE_KERNEL_H
#define VALKTRACE_KERNEL_H

#include <valktrace/emit.h>

VT_BEGIN_DECLS

/* Numbers below it have statistics of their own: calls, errors, times (`valktrace summary`). */
#define VT_SYSCALL_NUMBERS (VT_MAX_CALLS - VT_HOST_CALLS)

/* What the host calls its system call `number`. Takes a lock; once, after vt_start. */
VT_CALL void vt_syscall_name(uint64_t number, const char *name) VT_DISABLED();

/* A system call returned. `number` is the host's own; `result` negative on failure; `time` in ns. */
VT_INLINE void vt_syscall(uint64_t number, int64_t result, uint64_t time)
{
	if (number < VT_SYSCALL_NUMBERS)
		vt__count_call(VT_HOST_CALLS + (unsigned)number, result < 0, time);
	vt_count(VT_M_kernel_syscalls, 1);
	if (result < 0)
		vt_count(VT_M_kernel_syscall_errors, 1);
	VT__EMIT_ORDERED(syscall, call, number, result, time);
}

/* A scheduler tick ended; `time` in ns. */
VT_INLINE void vt_tick(uint64_t time)
{
	vt_count(VT_M_kernel_ticks, 1);
	vt_count(VT_M_kernel_tick_time, time);
	vt_count_max(VT_M_kernel_tick_max, time);
}

VT_INLINE void vt_process_spawned(void) { vt_count(VT_M_kernel_spawned, 1); }
VT_INLINE void vt_process_exited(void) { vt_count(VT_M_kernel_exited, 1); }
VT_INLINE void vt_signal_delivered(void) { vt_count_in_handler(VT_M_kernel_signals, 1); }
VT_INLINE void vt_timer_fired(void) { vt_count(VT_M_kernel_timers, 1); }
VT_INLINE void vt_bytes_read(uint64_t bytes) { vt_count(VT_M_kernel_bytes_read, bytes); }
VT_INLINE void vt_bytes_written(uint64_t bytes) { vt_count(VT_M_kernel_bytes_written, bytes); }

/* Bytes allocated, as an event only (category memory). */
VT_INLINE void vt_alloc(uint64_t bytes) { VT__EMIT_ORDERED(memory, alloc, bytes); }

/* A note with a detail, category custom; `name` from vt_string. */
VT_CALL void vt_note(uint64_t name, const char *detail) VT_DISABLED();

/*
 * The same in one of the ten categories from VT_CAT_syscall to VT_CAT_custom, for what has no event type
 * of its own: vt_note_in(VT_CAT_file, vt_string("open"), "/etc/passwd"). `detail` NULL: none. In another
 * category it does nothing. `decode --format kernel-events` prints them as "[12.34] FILE open: /etc/passwd".
 */
VT_CALL void vt_note_in(enum vt_category_id category, uint64_t name, const char *detail)
	VT_DISABLED();

VT_END_DECLS

#endif

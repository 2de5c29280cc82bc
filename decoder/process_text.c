/* process_text.c - phrases about processes, and aligned numbers. */
#include "decoder/process_text.h"

#include <string.h>

#include "decoder/units.h"

#define LINE_WIDTH 80u

static const char *signal_name(uint32_t number)
{
	/* Of Linux on x86 and arm; written out, because strsignal speaks the user's language. */
	static const char *const names[] = {
		[1] = "SIGHUP", [2] = "SIGINT", [3] = "SIGQUIT", [4] = "SIGILL", [5] = "SIGTRAP",
		[6] = "SIGABRT", [7] = "SIGBUS", [8] = "SIGFPE", [9] = "SIGKILL", [10] = "SIGUSR1",
		[11] = "SIGSEGV", [12] = "SIGUSR2", [13] = "SIGPIPE", [14] = "SIGALRM",
		[15] = "SIGTERM", [16] = "SIGSTKFLT", [24] = "SIGXCPU", [25] = "SIGXFSZ",
		[26] = "SIGVTALRM", [27] = "SIGPROF", [29] = "SIGIO", [30] = "SIGPWR", [31] = "SIGSYS",
	};
	return number < sizeof(names) / sizeof(*names) ? names[number] : NULL;
}

void vt_ending_text(struct vt_sink *out, const struct vt_process_info *process)
{
	const char *name;

	switch (process->ending) {
	case VT_END_RUNNING:
		vt_sink_string(out, "still running");
		break;
	case VT_END_EXIT:
		vt_sink_printf(out, "exit %u", process->status);
		break;
	case VT_END_SIGNAL:
		name = signal_name(process->status);
		if (name)
			vt_sink_string(out, name);
		else
			vt_sink_printf(out, "signal %u", process->status);
		break;
	case VT_END_STOPPED:
		vt_sink_string(out, "stopped recording");
		break;
	case VT_END_EXEC:
		vt_sink_string(out, "exec");
		break;
	case VT_END_GONE:
		vt_sink_string(out, "ended, nobody told how");
		break;
	default:
		vt_sink_string(out, "end unknown");
	}
}

const char *vt_ending_word(unsigned ending)
{
	static const char *const words[] = {
		[VT_END_UNKNOWN] = "unknown", [VT_END_RUNNING] = "running", [VT_END_EXIT] = "exit",
		[VT_END_SIGNAL] = "signal", [VT_END_STOPPED] = "stopped", [VT_END_EXEC] = "exec",
		[VT_END_GONE] = "gone",
	};
	return ending < sizeof(words) / sizeof(*words) ? words[ending] : "unknown";
}

const char *vt_fact_value(const struct vt_process_info *process, const char *key)
{
	for (unsigned i = 0; i < process->fact_count; i++)
		if (strcmp(process->facts[i].key, key) == 0)
			return process->facts[i].value;
	return NULL;
}

void vt_program_text(struct vt_sink *out, const struct vt_process_info *process)
{
	const char *program = vt_fact_value(process, "program");
	const char *version = vt_fact_value(process, "version");

	vt_put_name(out, program && *program ? program : process->program);
	if (version && *version) {
		vt_sink_char(out, ' ');
		vt_put_name(out, version);
	}
}

const struct vt_process_info *vt_main_process(const struct vt_run_info *run)
{
	for (unsigned i = 0; i < run->process_count; i++)
		if (run->processes[i]->parent == VT_NO_PROCESS)
			return run->processes[i];
	return run->process_count > 0 ? run->processes[0] : NULL;
}

uint64_t vt_run_length(const struct vt_input *in)
{
	uint64_t last = in->run->last;

	for (unsigned i = 0; i < in->run->process_count; i++)
		if (in->run->processes[i]->end > last)
			last = in->run->processes[i]->end;
	return vt_reader_ns(in->reader, last);
}

#define PUT(to_text) vt_sink_upto(out, to_text)
#define ROOM vt_sink_room(out, VT_NUM_MAX)

void vt_put_grouped(struct vt_sink *out, uint64_t v)
{
	PUT(vt_num_grouped(ROOM, v));
}

void vt_put_ns(struct vt_sink *out, uint64_t v)
{
	PUT(vt_num_ns(ROOM, v));
}

void vt_put_bytes(struct vt_sink *out, uint64_t v)
{
	PUT(vt_num_bytes(ROOM, v));
}

void vt_put_seconds(struct vt_sink *out, uint64_t ns, unsigned decimals)
{
	PUT(vt_num_seconds(ROOM, ns, decimals));
}

void vt_put_percent(struct vt_sink *out, uint64_t part, uint64_t whole)
{
	PUT(vt_num_percent(ROOM, part, whole));
}

void vt_put_utc(struct vt_sink *out, uint64_t realtime, unsigned decimals)
{
	PUT(vt_num_utc(ROOM, realtime, decimals));
}

void vt_put_name(struct vt_sink *out, const char *name)
{
	vt_sink_escaped(out, name, strnlen(name, 256), VT_KEEP_BLANKS);
}

void vt_put_right(struct vt_sink *out, uint64_t v, size_t width)
{
	char text[VT_NUM_MAX];
	size_t n = (size_t)(vt_num_grouped(text, v) - text);

	vt_sink_blanks(out, n < width ? width - n : 0);
	vt_sink_bytes(out, text, n);
}

void vt_put_column(struct vt_sink *out, size_t line, size_t column)
{
	size_t now = out->used - line;

	vt_sink_blanks(out, now < column ? column - now : 0);
}

void vt_put_wrapped(struct vt_sink *out, const char *text, size_t length, size_t column, size_t indent)
{
	while (column + length > LINE_WIDTH && column < LINE_WIDTH) {
		size_t n = LINE_WIDTH - column;
		while (n > 0 && text[n] != ' ')
			n--;
		if (n == 0)
			break;
		vt_sink_bytes(out, text, n);
		vt_sink_char(out, '\n');
		vt_sink_blanks(out, indent);
		text += n + 1;
		length -= n + 1;
		column = indent;
	}
	vt_sink_bytes(out, text, length);
}

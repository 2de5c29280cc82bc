/* text_value.h - one field of an event as the text format has it. */
#ifndef DECODER_TEXT_VALUE_H
#define DECODER_TEXT_VALUE_H

#include "decoder/input.h"
#include "decoder/out.h"

#define VT_KNOWN_STRINGS 512u           /* a power of two */
#define VT_KNOWN_LENGTH  51u            /* longer ones are escaped each time */

/*
 * Strings as they are printed, by id: most of a log are the same few names again and again. Zeroed at first;
 * belongs to one thread.
 */
struct vt_known_strings {
	struct vt_known_string {
		const struct vt_process_info *process;  /* NULL: none yet */
		uint32_t id;
		uint8_t length;
		char bytes[VT_KNOWN_LENGTH];
	} items[VT_KNOWN_STRINGS];
};

/* Field number `i`, escaped. exact: plain ns and bytes. known: NULL, or strings to go by. */
void vt_text_value(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event, unsigned i,
                   bool exact, struct vt_known_strings *known);

#endif

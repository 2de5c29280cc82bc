/*
 * report_html.h - HTML text: escaped strings, numbers that carry their exact value, tables and cards.
 *
 * A number is <data value="409123">409us</data>: the exact value for programs, the short one for people.
 * What is not there is a dash, never a zero.
 */
#ifndef DECODER_REPORT_HTML_H
#define DECODER_REPORT_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/out.h"

#define VT_HTML_NONE "\xe2\x80\x93"     /* an en dash */

/* A stranger's text, as vt_sink_escaped has it, and then no markup either. */
void vt_html_text(struct vt_sink *out, const char *text);
void vt_html_bytes(struct vt_sink *out, const char *text, size_t length);

enum vt_html_unit { VT_HTML_COUNT, VT_HTML_NS, VT_HTML_BYTES, VT_HTML_MILLI };

/* With three digits, as `summary` has it: 1,427 409us 3.56MiB */
void vt_html_value(struct vt_sink *out, enum vt_html_unit unit, uint64_t v);

/* ns as the dashboards of old had it: 0, Nus, x.xms, x.xxs. What is less than half a us but not 0 is <1us. */
void vt_html_us(struct vt_sink *out, uint64_t ns);

/* A bound of few digits: 500us 2.5ms 20s */
void vt_html_bound(struct vt_sink *out, uint64_t ns);

void vt_html_percent(struct vt_sink *out, uint64_t part, uint64_t whole);
void vt_html_seconds(struct vt_sink *out, uint64_t ns);         /* 0.912 s */
void vt_html_float(struct vt_sink *out, double v);

/* ---- tables -------------------------------------------------------------------------------------- */

/* `columns`: titles separated by "|"; one that begins with "#" is of numbers. The first is of row headings. */
void vt_table_begin(struct vt_sink *out, const char *caption, const char *columns);
void vt_table_end(struct vt_sink *out);
void vt_row(struct vt_sink *out, const char *heading);          /* a stranger's */
void vt_row_bytes(struct vt_sink *out, const char *heading, size_t length);

/* Cells: each ends the one before it. */
void vt_cell(struct vt_sink *out);                              /* what follows is its content */
void vt_cell_number(struct vt_sink *out);                       /* the same, of a number */
void vt_cell_value(struct vt_sink *out, enum vt_html_unit unit, uint64_t v);
void vt_cell_percent(struct vt_sink *out, uint64_t part, uint64_t whole);
void vt_cell_text(struct vt_sink *out, const char *text);
void vt_cell_none(struct vt_sink *out);
/* A bar of part/whole of the column. */
void vt_cell_bar(struct vt_sink *out, uint64_t part, uint64_t whole);

/* ---- cards --------------------------------------------------------------------------------------- */

void vt_cards_begin(struct vt_sink *out);
void vt_cards_end(struct vt_sink *out);
void vt_card(struct vt_sink *out, const char *name);            /* its value follows */
void vt_card_note(struct vt_sink *out);                         /* a smaller line below the value follows */
void vt_card_end(struct vt_sink *out);
void vt_card_none(struct vt_sink *out, const char *name);       /* a whole card without a value */

#endif

/* report_html.c - see report_html.h. */
#include "decoder/report_html.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/units.h"

#define SHORT_NAME 24u
#define MOST_TEXT 256u          /* bytes of a stranger's name that are shown */

/* Harmless bytes, but for what HTML has a use for. */
static void put_markup_free(struct vt_sink *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '&':
			vt_sink_string(out, "&amp;");
			break;
		case '<':
			vt_sink_string(out, "&lt;");
			break;
		case '>':
			vt_sink_string(out, "&gt;");
			break;
		case '"':
			vt_sink_string(out, "&quot;");
			break;
		case '\'':
			vt_sink_string(out, "&#39;");
			break;
		default:
			vt_sink_char(out, text[i]);
		}
	}
}

void vt_html_bytes(struct vt_sink *out, const char *text, size_t length)
{
	struct vt_sink safe;

	if (vt_sink_memory(&safe))
		return;
	vt_sink_escaped(&safe, text, length < MOST_TEXT ? length : MOST_TEXT, VT_KEEP_BLANKS | VT_KEEP_UTF8);
	put_markup_free(out, safe.buffer, safe.used);
	vt_sink_discard(&safe);
}

void vt_html_text(struct vt_sink *out, const char *text)
{
	vt_html_bytes(out, text, strnlen(text, MOST_TEXT));
}

/* ---- numbers ------------------------------------------------------------------------------------- */

/* "us" is for terminals. */
static void put_number(struct vt_sink *out, const char *text, size_t n)
{
	if (n > 2 && memcmp(text + n - 2, "us", 2) == 0) {
		vt_sink_bytes(out, text, n - 2);
		vt_sink_string(out, "\xc2\xb5s");
	} else {
		vt_sink_bytes(out, text, n);
	}
}

void vt_html_value(struct vt_sink *out, enum vt_html_unit unit, uint64_t v)
{
	char text[VT_NUM_MAX + 4];
	char *end;

	switch (unit) {
	case VT_HTML_NS:
		end = vt_num_ns(text, v);
		break;
	case VT_HTML_BYTES:
		end = vt_num_bytes(text, v);
		break;
	case VT_HTML_MILLI:
		end = vt_num_grouped(text, v / 1000);
		*end++ = '.';
		end = vt_num_pair(end, (unsigned)(v % 1000 / 10));
		break;
	default:
		end = vt_num_grouped(text, v);
	}
	vt_sink_printf(out, "<data value=\"%" PRIu64 "\">", v);
	put_number(out, text, (size_t)(end - text));
	vt_sink_string(out, "</data>");
}

/* v / unit, rounded half up to `decimals` (0 to 2). */
static void put_fixed(struct vt_sink *out, uint64_t v, uint64_t unit, unsigned decimals)
{
	static const unsigned scales[] = { 1, 10, 100 };
	unsigned scale = scales[decimals];
	uint64_t n = (uint64_t)(((vt_u128)v * scale + unit / 2) / unit);

	vt_sink_printf(out, "%" PRIu64, n / scale);
	if (decimals > 0)
		vt_sink_printf(out, ".%0*u", (int)decimals, (unsigned)(n % scale));
}

void vt_html_us(struct vt_sink *out, uint64_t ns)
{
	vt_sink_printf(out, "<data value=\"%" PRIu64 "\">", ns);
	if (ns == 0) {
		vt_sink_char(out, '0');
	} else if (ns < 500) {
		vt_sink_string(out, "&lt;1\xc2\xb5s");
	} else if (ns < 999500) {
		put_fixed(out, ns, 1000, 0);
		vt_sink_string(out, "\xc2\xb5s");
	} else if (ns < 999950000) {
		put_fixed(out, ns, 1000000, 1);
		vt_sink_string(out, "ms");
	} else {
		put_fixed(out, ns, 1000000000, 2);
		vt_sink_char(out, 's');
	}
	vt_sink_string(out, "</data>");
}

void vt_html_bound(struct vt_sink *out, uint64_t ns)
{
	static const struct { uint64_t ns; const char *name; } units[] = {
		{ 1000000000, "s" }, { 1000000, "ms" }, { 1000, "\xc2\xb5s" }, { 1, "ns" },
	};
	unsigned i = 0;

	while (ns < units[i].ns && units[i].ns > 1)
		i++;
	uint64_t whole = ns / units[i].ns, tenth = ns % units[i].ns * 10 / units[i].ns;
	vt_sink_printf(out, "<data value=\"%" PRIu64 "\">%" PRIu64, ns, whole);
	if (tenth > 0)
		vt_sink_printf(out, ".%" PRIu64, tenth);
	vt_sink_printf(out, "%s</data>", units[i].name);
}

void vt_html_percent(struct vt_sink *out, uint64_t part, uint64_t whole)
{
	vt_sink_upto(out, vt_num_percent(vt_sink_room(out, VT_NUM_MAX), part, whole));
}

void vt_html_seconds(struct vt_sink *out, uint64_t ns)
{
	vt_sink_printf(out, "<data value=\"%" PRIu64 "\">", ns);
	vt_sink_upto(out, vt_num_seconds(vt_sink_room(out, VT_NUM_MAX), ns, 3));
	vt_sink_string(out, " s</data>");
}

void vt_html_float(struct vt_sink *out, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4g", v);
	vt_sink_string(out, "<data value=\"");
	vt_sink_upto(out, vt_num_float(vt_sink_room(out, VT_NUM_MAX), v));
	vt_sink_printf(out, "\">%s</data>", text);
}

/* ---- tables -------------------------------------------------------------------------------------- */

void vt_table_begin(struct vt_sink *out, const char *caption, const char *columns)
{
	unsigned count = 1;

	for (const char *p = columns; *p; p++)
		count += *p == '|';
	vt_sink_printf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n"
	               "<table%s>\n<caption>%s</caption>\n<thead><tr>", caption, count > 5 ? " class=\"wide\"" : "",
	               caption);
	const char *first = columns;
	for (bool more = true; more;) {
		size_t n = strcspn(columns, "|");
		bool number = *columns == '#';
		/* A heading must say something: above bars, and above the headings of rows, there may be none. */
		if (n == 0)
			vt_sink_string(out, columns == first ? "<td>" : "<td class=\"bar\">");
		else
			vt_sink_string(out, number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
		vt_sink_bytes(out, columns + number, n - number);
		more = columns[n] == '|';
		columns += n + more;
	}
	vt_sink_string(out, "</thead>\n<tbody>");
}

void vt_table_end(struct vt_sink *out)
{
	vt_sink_string(out, "\n</tbody>\n</table>\n</div>\n");
}

void vt_row_bytes(struct vt_sink *out, const char *heading, size_t length)
{
	/* A short name stays in one piece; a long one is broken anywhere. */
	vt_sink_string(out, length <= SHORT_NAME ? "\n<tr><th scope=\"row\" class=\"s\">"
	                                         : "\n<tr><th scope=\"row\">");
	vt_html_bytes(out, heading, length);
}

void vt_row(struct vt_sink *out, const char *heading)
{
	vt_row_bytes(out, heading, strnlen(heading, MOST_TEXT));
}

/* End tags of cells and rows may be left out; they would be a tenth of the page. */
void vt_cell(struct vt_sink *out)
{
	vt_sink_string(out, "<td>");
}

void vt_cell_number(struct vt_sink *out)
{
	vt_sink_string(out, "<td class=\"n\">");
}

void vt_cell_value(struct vt_sink *out, enum vt_html_unit unit, uint64_t v)
{
	vt_cell_number(out);
	vt_html_value(out, unit, v);
}

void vt_cell_percent(struct vt_sink *out, uint64_t part, uint64_t whole)
{
	vt_cell_number(out);
	vt_html_percent(out, part, whole);
}

void vt_cell_text(struct vt_sink *out, const char *text)
{
	vt_cell(out);
	vt_html_text(out, text);
}

void vt_cell_none(struct vt_sink *out)
{
	vt_sink_string(out, "<td class=\"n none\">" VT_HTML_NONE);
}

void vt_cell_bar(struct vt_sink *out, uint64_t part, uint64_t whole)
{
	uint64_t tenths = whole > 0 ? (uint64_t)((vt_u128)(part < whole ? part : whole) * 1000 / whole) : 0;

	/* What is there can be seen. */
	tenths = part > 0 && tenths < 5 ? 5 : tenths;
	vt_sink_printf(out, "<td class=\"bar\"><svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
	               "aria-hidden=\"true\"><rect width=\"%" PRIu64 "\" height=\"10\"/></svg>", tenths);
}

/* ---- cards --------------------------------------------------------------------------------------- */

void vt_cards_begin(struct vt_sink *out)
{
	vt_sink_string(out, "<dl class=\"cards\">\n");
}

void vt_cards_end(struct vt_sink *out)
{
	vt_sink_string(out, "</dl>\n");
}

void vt_card(struct vt_sink *out, const char *name)
{
	vt_sink_printf(out, "<div><dt>%s</dt><dd>", name);
}

void vt_card_note(struct vt_sink *out)
{
	vt_sink_string(out, "</dd><dd class=\"note\">");
}

void vt_card_end(struct vt_sink *out)
{
	vt_sink_string(out, "</dd></div>\n");
}

void vt_card_none(struct vt_sink *out, const char *name)
{
	vt_sink_printf(out, "<div class=\"none\"><dt>%s</dt><dd>" VT_HTML_NONE "</dd></div>\n", name);
}

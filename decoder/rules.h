/* rules.h - rules of the command line: messages, and names for help and completion. */
#ifndef DECODER_RULES_H
#define DECODER_RULES_H

#include "core/rule.h"

/*
 * Says what is wrong with a rule: `err` and `problem` are those of vt_rule_parse. With the nearest and the
 * valid subjects when it names none. Returns VT_EXIT_USAGE.
 */
int vt_rule_usage(const struct vt_rule *r, int err, const char *problem);

/* Reads a rule by the built-in schema. VT_EXIT_OK, or VT_EXIT_USAGE after a message. */
int vt_rule_read(struct vt_rule *r, const char *text);

#endif

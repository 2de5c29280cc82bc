/* error.h - error codes: 0 or positive is success; below is a negative errno or one of these. */
#ifndef VALKTRACE_ERROR_H
#define VALKTRACE_ERROR_H

#include <valktrace/compiler.h>

#define VT_ERROR_MAP(XX) \
	XX(NOT_A_LOG, 10001, "not a valktrace file") \
	XX(DAMAGED, 10002, "checksum does not match") \
	XX(VERSION, 10003, "written by a newer, incompatible version") \
	XX(INCOMPAT, 10004, "uses a feature that this version does not know") \
	XX(LIMIT, 10005, "a length is beyond the format's limits") \
	XX(SHORT, 10006, "ends too early") \
	XX(RUN_DIFFERS, 10007, "belongs to another run") \
	XX(UNKNOWN_CATEGORY, 10008, "unknown category") \
	XX(UNKNOWN_EVENT, 10009, "unknown event") \
	XX(UNKNOWN_FIELD, 10010, "unknown field") \
	XX(OPTION, 10011, "bad option") \
	XX(NO_DIRECTORY, 10012, "no directory for the ring file") \
	XX(ABI, 10013, "built against another version of valktrace") \
	XX(NO_ROOM, 10014, "no room for a ring") \
	XX(EMPTY, 10015, "the file is empty")

enum vt_error {
#define XX(name, number, text) VT_E_##name = number,
	VT_ERROR_MAP(XX)
#undef XX
};

VT_BEGIN_DECLS

/* One line of text for a negative result of any call; never NULL. Any thread. */
VT_CALL const char *vt_strerror(int error) VT_DISABLED(return "tracing is compiled out";);

VT_END_DECLS

#endif

/* error.c - error codes to text, the same in every locale. */
#include <valktrace/error.h>

#include <limits.h>
#include <string.h>

const char *vt_strerror(int error)
{
	switch (error == INT_MIN ? INT_MIN : -error) {
	case 0:
		return "success";
#define XX(name, number, text) case number: return text;
	VT_ERROR_MAP(XX)
#undef XX
	}
	const char *text = error < 0 && error != INT_MIN ? strerrordesc_np(-error) : NULL;
	return text ? text : "unknown error";
}

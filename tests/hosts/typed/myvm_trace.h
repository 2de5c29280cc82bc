/* myvm_trace.h - what every file of the host that emits includes. */
#define VT_HOST_DEF "myvm.def"
#include <valktrace/host.h>

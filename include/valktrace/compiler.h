/*
 * compiler.h - the few compiler features that the other headers rely on.
 *
 * Two words used in every comment about ordering:
 *   acquire  a load after which no later access of this thread may be moved before it;
 *   release  a store before which no earlier access of this thread may be moved after it.
 * A release store and the acquire load that reads its value order everything written before the
 * store ahead of everything read after the load. Every such pair names its other half.
 *
 * The __atomic builtins are used instead of <stdatomic.h>: the same header then serves C and C++.
 */
#ifndef VALKTRACE_COMPILER_H
#define VALKTRACE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__)
#error "valktrace needs gcc or clang"
#endif
#if __SIZEOF_POINTER__ != 8
#error "valktrace needs a 64-bit target: ring positions are lock-free 64-bit words"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the ring file is written in host order, which must be little endian (the decoder needs not)"
#endif

#define VT_VERSION      "0.1.0"

__extension__ typedef unsigned __int128 vt_u128;

#define VT_API          __attribute__((visibility("default")))
#define VT_COLD         __attribute__((cold, noinline))
#define VT_INLINE       static inline __attribute__((always_inline, unused))
#define vt_likely(x)    __builtin_expect(!!(x), 1)
#define vt_unlikely(x)  __builtin_expect(!!(x), 0)

#ifdef __cplusplus
#define VT_STATIC_ASSERT(condition, text) static_assert(condition, text)
#define VT_BEGIN_DECLS  extern "C" { VT__QUIET
#define VT_END_DECLS    VT__LOUD }
#else
#define VT_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define VT_BEGIN_DECLS  VT__QUIET
#define VT_END_DECLS    VT__LOUD
#endif
#define VT_THREAD_LOCAL __thread

/*
 * With VALKTRACE_DISABLE every call of a host is compiled to nothing from the headers alone: arguments
 * are checked but not evaluated where an event is emitted, nothing is linked. A call is declared as
 *
 *   VT_CALL int vt_stop(void) VT_DISABLED(return 0;);
 *
 * and what stands in VT_DISABLED is all of it then.
 */
#ifdef VALKTRACE_DISABLE
#define VT_COMPILED_IN    0
#define VT_CALL           VT_INLINE
#define VT_DISABLED(...)  { __VA_ARGS__ } VT_STATIC_ASSERT(1, "takes the semicolon")
#define VT__QUIET         _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wunused-parameter\"")
#define VT__LOUD          _Pragma("GCC diagnostic pop")
#else
#define VT_COMPILED_IN    1
#define VT_CALL           VT_API
#define VT_DISABLED(...)
#define VT__QUIET
#define VT__LOUD
#endif

#define vt_load_relaxed(p)      __atomic_load_n((p), __ATOMIC_RELAXED)
#define vt_load_acquire(p)      __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define vt_store_relaxed(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define vt_store_release(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define vt_add_relaxed(p, v)    __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

/* Orders this thread against its own signal handlers only; emits no instruction. */
#define vt_signal_fence()       __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif

#pragma once
#define __always_inline inline __attribute__((__always_inline__))
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() __asm__ __volatile__("" : : : "memory")
typedef struct { int counter; } atomic_t;

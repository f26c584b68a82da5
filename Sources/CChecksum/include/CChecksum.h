#ifndef MILLRACE_CCHECKSUM_H
#define MILLRACE_CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli) of `count` bytes at `bytes`, continuing from `seed` (0 for a fresh sum).
uint32_t millrace_crc32c(uint32_t seed, const void *bytes, size_t count);

/// The table-driven form, whatever the processor offers. For tests.
uint32_t millrace_crc32c_portable(uint32_t seed, const void *bytes, size_t count);

/// Asks the processor to load the cache line at `address`.
static inline void millrace_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

#endif

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

/// Three numbers of this process alone, drawn before `main`; always the same ones where
/// SWIFT_DETERMINISTIC_HASHING is set, as with Swift's own hashes.
extern uint64_t millrace_hash_secrets[3];

/// One of them. A function, for a load is all that it costs.
static inline uint64_t millrace_hash_secret(int index) { return millrace_hash_secrets[index]; }

#endif

#include "CChecksum.h"

#include <string.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// CRC-32C, polynomial 0x1edc6f41, in reflected order: bit 31 of a 32-bit remainder is x^0.

typedef uint32_t (*crc32c_function)(uint32_t seed, const void *bytes, size_t count);

// tables[k][b]: the remainder of byte b followed by k zero bytes.
static uint32_t tables[8][256];

static inline uint64_t load64(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

uint32_t millrace_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    uint32_t crc = ~seed;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word = load64(p) ^ crc;
        crc = tables[7][word & 0xff] ^ tables[6][(word >> 8) & 0xff] ^
              tables[5][(word >> 16) & 0xff] ^ tables[4][(word >> 24) & 0xff] ^
              tables[3][(word >> 32) & 0xff] ^ tables[2][(word >> 40) & 0xff] ^
              tables[1][(word >> 48) & 0xff] ^ tables[0][word >> 56];
    }
#endif
    while (count--) crc = tables[0][(crc ^ *p++) & 0xff] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__)
// The crc32 instruction takes three cycles and can start every cycle: three streams side by side
// keep it busy. Their remainders are joined by a carry-less multiplication with x^(8n - 33), the
// missing 33 coming from the reflected product (1) and from reducing it by crc32 (32).
struct stride {
    size_t byte_count;  // of one stream
    uint32_t shift1;    // x^(8n - 33) mod P
    uint32_t shift2;    // x^(16n - 33) mod P
};

static const struct stride strides[3] = {
    {2048, 0xa51b6135, 0x82f89c77},
    {256, 0xb9e02b86, 0xdd7e3b0c},
    {64, 0x9e4addf8, 0x0d3b6092},
};

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t product(uint64_t a, uint32_t b) {
    __m128i both = _mm_clmulepi64_si128(
        _mm_cvtsi64_si128((long long)a), _mm_cvtsi64_si128((long long)b), 0);
    return (uint64_t)_mm_cvtsi128_si64(both);
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_x86(
    uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    uint64_t crc = (uint32_t)~seed;
    for (int i = 0; i < 3; i++) {
        const struct stride s = strides[i];
        const size_t n = s.byte_count;
        for (; count >= 3 * n; count -= 3 * n, p += 2 * n) {
            uint64_t crc1 = 0, crc2 = 0;
            for (const uint8_t *end = p + n; p < end; p += 8) {
                crc = _mm_crc32_u64(crc, load64(p));
                crc1 = _mm_crc32_u64(crc1, load64(p + n));
                crc2 = _mm_crc32_u64(crc2, load64(p + 2 * n));
            }
            crc = _mm_crc32_u64(0, product(crc, s.shift2) ^ product(crc1, s.shift1)) ^ crc2;
        }
    }
    for (; count >= 8; p += 8, count -= 8) crc = _mm_crc32_u64(crc, load64(p));
    uint32_t last = (uint32_t)crc;
    while (count--) last = _mm_crc32_u8(last, *p++);
    return ~last;
}
#endif

#if defined(__aarch64__)
#if defined(__clang__)
#define WITH_CRC __attribute__((target("crc")))
#else
#define WITH_CRC __attribute__((target("+crc")))
#endif

WITH_CRC static uint32_t crc32c_arm(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    uint32_t crc = ~seed;
    for (; count >= 8; p += 8, count -= 8) crc = __builtin_arm_crc32cd(crc, load64(p));
    while (count--) crc = __builtin_arm_crc32cb(crc, *p++);
    return ~crc;
}

// Whether the processor at hand has the instructions, which ARMv8.0 leaves open.
static int has_crc(void) {
#if defined(__ARM_FEATURE_CRC32)
    return 1;
#elif defined(__linux__)
    const unsigned long hwcap_crc32 = 1 << 7;
    return (getauxval(AT_HWCAP) & hwcap_crc32) != 0;
#else
    return 0;
#endif
}
#endif

static crc32c_function selected = millrace_crc32c_portable;

// Runs before main, hence before any second thread: tables and choice are constant from there on.
__attribute__((constructor)) static void prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
        tables[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int k = 1; k < 8; k++) {
            uint32_t before = tables[k - 1][byte];
            tables[k][byte] = tables[0][before & 0xff] ^ (before >> 8);
        }
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) selected = crc32c_x86;
#elif defined(__aarch64__)
    if (has_crc()) selected = crc32c_arm;
#endif
}

uint32_t millrace_crc32c(uint32_t seed, const void *bytes, size_t count) {
    return selected(seed, bytes, count);
}

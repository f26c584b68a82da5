#include "CChecksum.h"

static uint32_t table[256];
static void __attribute__((constructor)) build_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
        table[i] = c;
    }
}

uint32_t millrace_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    uint32_t c = ~seed;
    while (count--) c = table[(c ^ *p++) & 0xff] ^ (c >> 8);
    return ~c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t n) {
    uint64_t c = ~seed;
    while (n >= 8) { uint64_t w; __builtin_memcpy(&w, p, 8); c = __builtin_ia32_crc32di(c, w); p += 8; n -= 8; }
    uint32_t d = (uint32_t)c;
    while (n--) d = __builtin_ia32_crc32qi(d, *p++);
    return ~d;
}
#endif

uint32_t millrace_crc32c(uint32_t seed, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return hardware(seed, bytes, count);
#endif
    return millrace_crc32c_portable(seed, bytes, count);
}

#include "CChecksum.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t millrace_hash_secrets[3] = {
    0x8bb84b93962eacc9, 0x4b33a62ed433d4a3, 0x4d5a2da51de1aa47,
};

__attribute__((constructor)) static void millrace_draw_secrets(void) {
    if (getenv("SWIFT_DETERMINISTIC_HASHING")) return;
#ifdef __APPLE__
    arc4random_buf(millrace_hash_secrets, sizeof millrace_hash_secrets);
#else
    uint64_t drawn[3];
    if (getrandom(drawn, sizeof drawn, 0) != sizeof drawn) abort();
    for (int index = 0; index < 3; index++) millrace_hash_secrets[index] = drawn[index];
#endif
}

#define _GNU_SOURCE
#include "CFileSystem.h"

#include <fcntl.h>

void millrace_start_writeback(int descriptor, int64_t position, int64_t byte_count) {
#if defined(__linux__)
    (void)sync_file_range(descriptor, position, byte_count, SYNC_FILE_RANGE_WRITE);
#else
    (void)descriptor;
    (void)position;
    (void)byte_count;
#endif
}

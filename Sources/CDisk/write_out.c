#ifdef __linux__
#define _GNU_SOURCE
#endif

#include "CDisk.h"

#include <fcntl.h>

void millrace_begin_write_out(int descriptor) {
#ifdef __linux__
    sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
    (void)descriptor;
#endif
}

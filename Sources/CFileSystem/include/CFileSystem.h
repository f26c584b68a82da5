#ifndef MILLRACE_CFILESYSTEM_H
#define MILLRACE_CFILESYSTEM_H

#include <stdint.h>

/// Asks the system to begin to write a range of a file to the disk, where it can; promises nothing.
void millrace_start_writeback(int descriptor, int64_t position, int64_t byte_count);

#endif

#ifndef MILLRACE_CDISK_H
#define MILLRACE_CDISK_H

/// Begins to write what a file holds in memory alone to its disk, and does not wait for it. Nothing
/// is durable by it: a later fdatasync has less left to do, and hears of what failed meanwhile.
/// Does nothing where the system cannot.
void millrace_begin_write_out(int descriptor);

#endif

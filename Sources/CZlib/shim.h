// Without its gz* file functions zlib.h needs no system headers, whose types this module would
// otherwise define a second time.
#define Z_SOLO
#include <zlib.h>

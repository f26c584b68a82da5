#ifndef MILLRACE_CSIMDJSON_H
#define MILLRACE_CSIMDJSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A parser with its memory, which it keeps from document to document.
typedef struct millrace_json_parser millrace_json_parser;

/// A parsed document in simdjson's form: a tape of 64-bit words, and a buffer of the strings
/// that the tape points into, each behind its length in 4 bytes. Valid until the parser parses
/// again or is released.
typedef struct {
    const uint64_t *tape;
    const uint8_t *strings;
} millrace_json_document;

/// A parser that nobody else uses until it is released: one of the calling thread's, or a new
/// one; NULL without memory.
millrace_json_parser *millrace_json_acquire(void);

/// Gives a parser back, for the calling thread's next document.
void millrace_json_release(millrace_json_parser *parser);

/// Parses and checks a whole document, copying its bytes into memory with the padding that
/// simdjson reads. Returns 0, or an error for `millrace_json_error_text`.
int millrace_json_parse(
    millrace_json_parser *parser, const void *bytes, size_t count,
    millrace_json_document *document);

/// What an error means, in English.
const char *millrace_json_error_text(int error);

#ifdef __cplusplus
}
#endif

#endif

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
/// that the tape points into, each behind its length in 4 bytes.
typedef struct {
    const uint64_t *tape;
    const uint8_t *strings;
    /// For its reader: the object whose member was found last, and the word behind that member.
    size_t object;
    size_t following;
} millrace_json_document;

/// A parser that nobody else uses until it is released: one of the calling thread's, or a new
/// one; NULL without memory.
millrace_json_parser *millrace_json_acquire(void);

/// Gives a parser back, for the calling thread's next document.
void millrace_json_release(millrace_json_parser *parser);

/// Parses and checks a whole document, copying its bytes into memory with the padding that
/// simdjson reads. A number that no 64-bit integer holds is a double on the tape; one beyond the
/// range of a double is an infinity. Returns 0, or an error for `millrace_json_error_text`.
int millrace_json_parse(millrace_json_parser *parser, const void *bytes, size_t count);

/// The document that was parsed last, at an address that stays while the parser lives. Valid
/// until the parser parses again.
millrace_json_document *millrace_json_parsed(millrace_json_parser *parser);

/// The text of the number at a word of the parsed document's tape. Fast where numbers are asked
/// for in the order of the text.
const char *millrace_json_number_text(millrace_json_parser *parser, size_t word, size_t *count);

/// What a thread keeps one object of from call to call.
typedef enum { MILLRACE_JSON_READING, MILLRACE_JSON_WRITING } millrace_json_kind;

/// The object that the calling thread keeps, which is the caller's from now on, or NULL.
void *millrace_json_take(millrace_json_kind kind);

/// Gives the calling thread an object to keep. `drop` is called with an object that the thread
/// has no room for, or still keeps when it ends.
void millrace_json_keep(millrace_json_kind kind, void *object, void (*drop)(void *));

/// What an error means, in English.
const char *millrace_json_error_text(int error);

#ifdef __cplusplus
}
#endif

#endif

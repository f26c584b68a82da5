#include "CSimdJSON.h"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <new>

struct millrace_json_parser {
    simdjson::dom::parser parser;
    std::unique_ptr<char[]> buffer;
    size_t capacity = 0;
    millrace_json_parser *next = nullptr;
};

namespace {

/// The parsers of one thread that are not in use. Their number is the deepest nesting of
/// documents that the thread has met.
struct FreeParsers {
    millrace_json_parser *first = nullptr;

    ~FreeParsers() {
        while (first != nullptr) {
            millrace_json_parser *next = first->next;
            delete first;
            first = next;
        }
    }
};

thread_local FreeParsers free_parsers;

}  // namespace

millrace_json_parser *millrace_json_acquire(void) {
    millrace_json_parser *parser = free_parsers.first;
    if (parser == nullptr) return new (std::nothrow) millrace_json_parser;
    free_parsers.first = parser->next;
    return parser;
}

void millrace_json_release(millrace_json_parser *parser) {
    parser->next = free_parsers.first;
    free_parsers.first = parser;
}

int millrace_json_parse(
    millrace_json_parser *parser, const void *bytes, size_t count,
    millrace_json_document *document) {
    if (count == 0) return simdjson::EMPTY;
    if (parser->capacity < count) {
        size_t capacity = count < 4096 ? 4096 : count + count / 2;
        char *buffer = new (std::nothrow) char[capacity + simdjson::SIMDJSON_PADDING];
        if (buffer == nullptr) return simdjson::MEMALLOC;
        parser->buffer.reset(buffer);
        parser->capacity = capacity;
    }
    std::memcpy(parser->buffer.get(), bytes, count);
    std::memset(parser->buffer.get() + count, 0, simdjson::SIMDJSON_PADDING);
    auto error = parser->parser.parse(parser->buffer.get(), count, false).error();
    if (error) return error;
    document->tape = parser->parser.doc.tape.get();
    document->strings = parser->parser.doc.string_buf.get();
    return 0;
}

const char *millrace_json_error_text(int error) {
    return simdjson::error_message(static_cast<simdjson::error_code>(error));
}

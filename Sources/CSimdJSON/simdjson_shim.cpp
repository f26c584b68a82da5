#include "CSimdJSON.h"

#include <simdjson.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

/// A number beyond the range of a double: which of the document's numbers, and its sign.
struct millrace_json_overflow {
    size_t number;
    bool negative;
};

struct millrace_json_parser {
    simdjson::dom::parser parser;
    millrace_json_document document = {};
    /// The text as it came, with padding.
    std::unique_ptr<char[]> buffer;
    size_t capacity = 0;
    size_t count = 0;
    /// The text with numbers that simdjson can read, where it cannot read the text itself.
    std::string widened;
    std::vector<millrace_json_overflow> overflows;
    /// The number that was asked for last: its word on the tape, its first byte in the text.
    size_t found_word = 1;
    size_t found_byte = 0;
    millrace_json_parser *next = nullptr;
};

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_part_of_number(char c) {
    return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

bool is_number_tag(uint64_t word) {
    uint8_t tag = uint8_t(word >> 56);
    return tag == 'l' || tag == 'u' || tag == 'd';
}

/// Behind the string that begins at `at`, or `count` where it has no end.
size_t end_of_string(const char *text, size_t count, size_t at) {
    for (at++; at < count; at++) {
        if (text[at] == '\\') at++;
        else if (text[at] == '"') return at + 1;
    }
    return count;
}

/// Where the first number at or behind `at` begins, or `count`.
size_t next_number(const char *text, size_t count, size_t at) {
    while (at < count) {
        if (text[at] == '"') at = end_of_string(text, count, at);
        else if (text[at] == '-' || is_digit(text[at])) return at;
        else at++;
    }
    return count;
}

size_t end_of_number(const char *text, size_t count, size_t at) {
    while (at < count && is_part_of_number(text[at])) at++;
    return at;
}

size_t end_of_digits(const std::string &text, size_t at) {
    while (at < text.size() && is_digit(text[at])) at++;
    return at;
}

/// Whether `text` is a number by JSON's grammar, and then whether it is an integer.
bool is_number(const std::string &text, bool &integer) {
    size_t at = text[0] == '-' ? 1 : 0;
    size_t end = end_of_digits(text, at);
    if (end == at || (text[at] == '0' && end > at + 1)) return false;
    integer = end == text.size();
    if (end < text.size() && text[end] == '.') {
        at = end + 1;
        end = end_of_digits(text, at);
        if (end == at) return false;
    }
    if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
        at = end + 1;
        if (at < text.size() && (text[at] == '-' || text[at] == '+')) at++;
        end = end_of_digits(text, at);
        if (end == at) return false;
    }
    return end == text.size();
}

/// Makes `widened`: the text with a fraction behind each integer, which makes it a double, where
/// 64 bits may not hold it, and 0 for each number beyond the range of a double.
void widen_numbers(millrace_json_parser *parser) {
    const char *text = parser->buffer.get();
    size_t count = parser->count;
    size_t number = 0;
    for (size_t at = 0; at < count;) {
        size_t start = next_number(text, count, at);
        parser->widened.append(text + at, start - at);
        at = end_of_number(text, count, start);
        if (at == start) break;
        std::string digits(text + start, at - start);
        bool integer = false;
        if (is_number(digits, integer)) {
            // The C locale is the process's, for nothing here sets another.
            if (std::isinf(std::strtod(digits.c_str(), nullptr))) {
                parser->overflows.push_back({number, digits[0] == '-'});
                digits = "0";
            } else if (integer && digits.size() > 18) {
                digits += ".0";
            }
        }
        parser->widened += digits;
        number++;
    }
    parser->widened.append(simdjson::SIMDJSON_PADDING, '\0');
}

/// Puts infinities where `widen_numbers` put 0.
void restore_overflows(millrace_json_parser *parser) {
    uint64_t *tape = parser->parser.doc.tape.get();
    size_t word = 1;
    size_t number = 0;
    for (const auto &overflow : parser->overflows) {
        for (;; word++) {
            if (!is_number_tag(tape[word])) continue;
            if (number++ == overflow.number) break;
            word++;
        }
        double infinity = std::numeric_limits<double>::infinity();
        if (overflow.negative) infinity = -infinity;
        tape[word] = uint64_t('d') << 56;
        std::memcpy(&tape[word + 1], &infinity, sizeof infinity);
        word++;
        word++;
    }
}

struct KeptObject {
    void *object = nullptr;
    void (*drop)(void *) = nullptr;
};

/// What one thread keeps: objects of its own, and the parsers that are not in use. Their number
/// is the deepest nesting of documents that the thread has met.
struct ThreadStock {
    millrace_json_parser *first = nullptr;
    KeptObject kept[2];

    ~ThreadStock() {
        // An object may give a parser back.
        for (auto &slot : kept) {
            if (slot.object != nullptr) slot.drop(slot.object);
            slot.object = nullptr;
        }
        while (first != nullptr) {
            millrace_json_parser *next = first->next;
            delete first;
            first = next;
        }
    }
};

thread_local ThreadStock stock;

}  // namespace

millrace_json_parser *millrace_json_acquire(void) {
    millrace_json_parser *parser = stock.first;
    if (parser == nullptr) return new (std::nothrow) millrace_json_parser;
    stock.first = parser->next;
    return parser;
}

void millrace_json_release(millrace_json_parser *parser) {
    parser->next = stock.first;
    stock.first = parser;
}

void *millrace_json_take(millrace_json_kind kind) {
    void *object = stock.kept[kind].object;
    stock.kept[kind].object = nullptr;
    return object;
}

void millrace_json_keep(millrace_json_kind kind, void *object, void (*drop)(void *)) {
    if (stock.kept[kind].object != nullptr) return drop(object);
    stock.kept[kind] = {object, drop};
}

int millrace_json_parse(millrace_json_parser *parser, const void *bytes, size_t count) {
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
    parser->count = count;
    parser->found_word = 1;
    parser->found_byte = 0;
    auto error = parser->parser.parse(parser->buffer.get(), count, false).error();
    if (error == simdjson::NUMBER_ERROR) {
        parser->widened.clear();
        parser->overflows.clear();
        widen_numbers(parser);
        size_t widened = parser->widened.size() - simdjson::SIMDJSON_PADDING;
        error = parser->parser.parse(parser->widened.data(), widened, false).error();
        if (!error) restore_overflows(parser);
    }
    if (error) return error;
    parser->document = {
        parser->parser.doc.tape.get(), parser->parser.doc.string_buf.get(), 0, 0};
    return 0;
}

millrace_json_document *millrace_json_parsed(millrace_json_parser *parser) {
    return &parser->document;
}

const char *millrace_json_number_text(millrace_json_parser *parser, size_t word, size_t *count) {
    const uint64_t *tape = parser->parser.doc.tape.get();
    const char *text = parser->buffer.get();
    if (word < parser->found_word) {
        parser->found_word = 1;
        parser->found_byte = 0;
    }
    // Tape and text have the same numbers in the same order.
    for (;;) {
        while (!is_number_tag(tape[parser->found_word])) parser->found_word++;
        parser->found_byte = next_number(text, parser->count, parser->found_byte);
        size_t end = end_of_number(text, parser->count, parser->found_byte);
        if (parser->found_word >= word || end == parser->found_byte) {
            *count = end - parser->found_byte;
            return text + parser->found_byte;
        }
        parser->found_word += 2;
        parser->found_byte = end;
    }
}

const char *millrace_json_error_text(int error) {
    switch (error) {
    case simdjson::CAPACITY: return "the text has more than 4 GiB";
    case simdjson::MEMALLOC: return "there is no memory to read the text";
    case simdjson::DEPTH_ERROR: return "there are too many levels of nesting";
    case simdjson::STRING_ERROR: return "a string has an escape that stands for no character";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR: return "a word is none of true, false and null";
    case simdjson::NUMBER_ERROR: return "a number is none that JSON allows";
    case simdjson::UTF8_ERROR: return "the text is not UTF-8";
    case simdjson::EMPTY: return "the text is empty";
    case simdjson::UNESCAPED_CHARS: return "a string has a control character without an escape";
    case simdjson::UNCLOSED_STRING: return "a string has no end";
    case simdjson::TAPE_ERROR: return "the text does not have the form of a value";
    default: return "the text cannot be read";
    }
}

#ifndef MILLRACE_CTRAPPLACE_H
#define MILLRACE_CTRAPPLACE_H

#include <stdint.h>

/// What is told of a topic.
typedef struct {
    const char *name;
    /// Whether it is the job's own, from which nobody deletes records.
    int32_t is_internal;
} millrace_trap_topic;

/// What a thread does with the record at hand.
enum {
    /// Nothing: it reads, commits, starts.
    MILLRACE_AT_NONE = 0,
    /// Operators have it.
    MILLRACE_AT_RECORD = 1,
    /// A timer runs behind it.
    MILLRACE_AT_TIMER = 2,
    /// Calls of earlier records go on behind it.
    MILLRACE_AT_CALL = 3,
};

/// The record that a thread has at hand, for the words after a trap. The thread keeps it; what it
/// points to is plain memory that stays while it is set.
typedef struct {
    const char *job;
    /// Where the topic of the last record is; null, or a place with null, where there was none.
    const millrace_trap_topic *const *topic;
    const int64_t *offset;
    /// One of the numbers above.
    const uint8_t *occupation;
    int32_t partition;
} millrace_trap_place;

/// The calling thread's own place, always the same one.
millrace_trap_place *millrace_trap_place_of_thread(void);

/// What is written for each case. `%j` is the job, `%s` the signal, `%t` the topic, `%p` the
/// partition, `%o` the offset, `%n` the offset behind it, `%l` the records that all threads have at
/// hand, `%%` a percent sign. `%a` is the topic as the first word of a command, with a blank in
/// front, and nothing where it begins as options do; `%z` is it then, behind a double dash.
typedef struct {
    const char *record;
    /// The same for a record of a topic that is the job's own.
    const char *internal_record;
    const char *timer;
    const char *call;
    /// The trap was in a thread that has no record at hand; null to say nothing then.
    const char *elsewhere;
} millrace_trap_words;

/// Has these words written to standard error when a thread of the process traps. What the signal
/// led to before, a backtrace or the end, comes after them. The words stay for ever; the first call
/// counts.
void millrace_tell_traps(const millrace_trap_words *words);

#endif

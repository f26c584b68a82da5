#include "CTrapPlace.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// In the handler nothing is called but write, sigaction, raise and what is below: all of it may run
// in any moment of any thread. It reads what threads keep up to date and takes no lock.

/// Threads whose records are told when another one traps; those behind them tell their own alone.
enum { LISTED_LIMIT = 64, STACK_BYTE_COUNT = 64 * 1024 };

static millrace_trap_place listed[LISTED_LIMIT];
static atomic_int listed_count;
static _Thread_local millrace_trap_place own;
static _Thread_local millrace_trap_place *of_thread;

static const int traps[] = {SIGILL, SIGTRAP, SIGBUS, SIGSEGV, SIGFPE, SIGABRT};
enum { TRAP_COUNT = sizeof traps / sizeof traps[0] };
static struct sigaction before[TRAP_COUNT];
static const millrace_trap_words *words;
static atomic_flag is_installed = ATOMIC_FLAG_INIT;
static atomic_flag is_told = ATOMIC_FLAG_INIT;

/// A stack that is left where the thread's own is used up; one that the thread has stays.
static void take_signal_stack(void) {
    stack_t stack;
    if (sigaltstack(NULL, &stack) != 0 || !(stack.ss_flags & SS_DISABLE)) return;
    void *memory = mmap(NULL, STACK_BYTE_COUNT, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    stack = (stack_t){.ss_sp = memory, .ss_size = STACK_BYTE_COUNT};
    sigaltstack(&stack, NULL);
}

millrace_trap_place *millrace_trap_place_of_thread(void) {
    if (of_thread) return of_thread;
    int index = atomic_fetch_add(&listed_count, 1);
    if (index < LISTED_LIMIT) {
        of_thread = &listed[index];
        take_signal_stack();
    } else {
        atomic_store(&listed_count, LISTED_LIMIT);
        of_thread = &own;
    }
    return of_thread;
}

// MARK: Text

typedef struct {
    char bytes[4096];
    size_t count;
} text;

static void append(text *out, const char *from) {
    while (*from && out->count < sizeof out->bytes) out->bytes[out->count++] = *from++;
}

static void append_number(text *out, int64_t number) {
    char digits[24];
    size_t first = sizeof digits - 1;
    digits[first] = 0;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0) digits[--first] = '-';
    append(out, digits + first);
}

static const char *name_of(int number) {
    switch (number) {
    case SIGILL: return "SIGILL";
    case SIGTRAP: return "SIGTRAP";
    case SIGBUS: return "SIGBUS";
    case SIGSEGV: return "SIGSEGV";
    case SIGFPE: return "SIGFPE";
    default: return "SIGABRT";
    }
}

static const millrace_trap_topic *topic_of(const millrace_trap_place *place) {
    const millrace_trap_topic *const *topic = place ? place->topic : NULL;
    return topic ? *topic : NULL;
}

static void append_list(text *out) {
    int count = atomic_load(&listed_count), told = 0;
    for (int index = 0; index < count && index < LISTED_LIMIT; index++) {
        const millrace_trap_topic *topic = topic_of(&listed[index]);
        if (!topic) continue;
        if (told++) append(out, "; ");
        append(out, topic->name);
        append(out, ", partition ");
        append_number(out, listed[index].partition);
        append(out, ", offset ");
        append_number(out, *listed[index].offset);
    }
    if (!told) append(out, "none");
}

/// A word of a command: where it begins as options do it stands behind all of them.
static void append_argument(text *out, const char *name, bool is_at_end) {
    if ((*name == '-') != is_at_end) return;
    append(out, is_at_end ? " -- " : " ");
    append(out, name);
}

static void fill_in(text *out, const char *form, const millrace_trap_place *place, int number) {
    const millrace_trap_topic *topic = topic_of(place);
    for (; *form; form++) {
        if (*form != '%' || !form[1]) {
            append(out, (char[]){*form, 0});
            continue;
        }
        switch (*++form) {
        case 'j': append(out, place && place->job ? place->job : "?"); break;
        case 's': append(out, name_of(number)); break;
        case 't': append(out, topic ? topic->name : "?"); break;
        case 'a': append_argument(out, topic ? topic->name : "?", false); break;
        case 'z': append_argument(out, topic ? topic->name : "?", true); break;
        case 'p': append_number(out, place ? place->partition : -1); break;
        case 'o': append_number(out, topic ? *place->offset : -1); break;
        case 'n': append_number(out, topic ? *place->offset + 1 : -1); break;
        case 'l': append_list(out); break;
        default: append(out, (char[]){*form, 0});
        }
    }
}

static const char *form_for(const millrace_trap_place *place) {
    const millrace_trap_topic *topic = topic_of(place);
    if (!topic) return words->elsewhere;
    switch (*place->occupation) {
    case MILLRACE_AT_TIMER: return words->timer;
    case MILLRACE_AT_CALL: return words->call;
    case MILLRACE_AT_RECORD: return topic->is_internal ? words->internal_record : words->record;
    default: return words->elsewhere;
    }
}

// MARK: The signal

static void tell(int number) {
    if (atomic_flag_test_and_set(&is_told)) return;
    static text out;
    const char *form = form_for(of_thread);
    if (form) fill_in(&out, form, of_thread, number);
    size_t done = 0;
    while (done < out.count) {
        ssize_t written = write(STDERR_FILENO, out.bytes + done, out.count - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        done += (size_t)written;
    }
}

static void trapped(int number, siginfo_t *info, void *context) {
    (void)context;
    int error = errno;
    tell(number);
    for (int index = 0; index < TRAP_COUNT; index++) {
        if (traps[index] == number) sigaction(number, &before[index], NULL);
    }
    // A fault comes again at the same instruction, and meets what handled it before. What was sent,
    // and a breakpoint that is already passed, does not.
    if (info->si_code <= 0 || number == SIGTRAP || number == SIGABRT) raise(number);
    errno = error;
}

void millrace_tell_traps(const millrace_trap_words *given) {
    if (atomic_flag_test_and_set(&is_installed)) return;
    words = given;
    // The thread that starts a job is its first stream thread.
    take_signal_stack();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = trapped;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    for (int index = 0; index < TRAP_COUNT; index++) {
        sigaction(traps[index], &action, &before[index]);
    }
}

#define _GNU_SOURCE
#include "stage_marks.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    /* 0: free, 1: being written, 2: in use. */
    _Atomic uint32_t is_used;
    /* Nanoseconds of CLOCK_MONOTONIC, which all processes share. */
    _Atomic int64_t entered;
    char text[AQT_MARK_TEXT];
} mark_slot;

typedef struct {
    /* The signal that ended the process, 0: none. */
    _Atomic int32_t signal_number;
    /* 1 + the slot of the thread that was hit, 0: it held none. */
    _Atomic int32_t signal_slot;
    _Atomic uint32_t gave_way;
    /* 0: nobody, 1: being written, 2: the text is whole. Who has taken the guarded descriptor away. */
    _Atomic uint32_t is_cut_off;
    char cut_off_by[AQT_MARK_TEXT];
    /* 1 + the slot that was taken last, 0: none. */
    _Atomic int32_t latest;
    mark_slot slots[AQT_MARK_SLOTS];
    /* 0: nothing; otherwise the number of an image + 1, and its phase in the lowest byte. */
    _Atomic uint64_t flights[AQT_FLIGHT_SLOTS];
} mark_board;

static _Atomic(mark_board *) the_board;
/* 1 + the slot of the innermost call of this thread. The model makes it readable in a handler: nothing is allocated on first use. */
static _Thread_local int32_t current __attribute__((tls_model("initial-exec")));
/* What must still be there when foreign code returns. */
static int guarded = -1;
static dev_t guarded_device;
static ino_t guarded_inode;
static pid_t guarding_process;
static char last_words[512];
static _Atomic uint32_t last_words_length;

size_t aqt_mark_board_size(void) { return sizeof(mark_board); }

int aqt_mark_board_create(void) {
    int descriptor = memfd_create("aquatint-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor >= 0 && ftruncate(descriptor, sizeof(mark_board)) != 0) {
        close(descriptor);
        return -1;
    }
    /* Cut short by the worker, it would be a fault of the supervisor's to look at it. */
    if (descriptor >= 0) fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return descriptor;
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void aqt_marks_attach(void *board) { atomic_store(&the_board, board); }

int32_t aqt_mark_enter(const char *text) {
    mark_board *board = atomic_load_explicit(&the_board, memory_order_relaxed);
    int32_t outer = current;
    if (!board) return -1;
    for (int32_t index = 0; index < AQT_MARK_SLOTS; index++) {
        uint32_t free_slot = 0;
        if (!atomic_compare_exchange_strong(&board->slots[index].is_used, &free_slot, 1)) continue;
        strncpy(board->slots[index].text, text, AQT_MARK_TEXT - 1);
        atomic_store(&board->slots[index].entered, now());
        atomic_store(&board->slots[index].is_used, 2);
        current = index + 1;
        atomic_store(&board->latest, index + 1);
        return outer * (AQT_MARK_SLOTS + 1) + index + 1;
    }
    return -1;
}

void aqt_marks_guard(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return;
    guarded_device = status.st_dev;
    guarded_inode = status.st_ino;
    guarding_process = getpid();
    guarded = descriptor;
}

static int is_guarded_there(void) {
    struct stat status;
    return guarded < 0 || (fstat(guarded, &status) == 0 && status.st_dev == guarded_device && status.st_ino == guarded_inode);
}

void aqt_mark_leave(int32_t mark) {
    mark_board *board = atomic_load_explicit(&the_board, memory_order_relaxed);
    if (mark < 0 || !board) return;
    int32_t slot = mark % (AQT_MARK_SLOTS + 1) - 1;
    /* A copy of this process that foreign code has made, and that comes back from it: it must not do the same work again, with the same files. */
    if (guarded >= 0 && getpid() != guarding_process) _exit(AQT_MARK_CUT_OFF);
    if (slot >= 0 && !is_guarded_there()) {
        uint32_t nobody = 0;
        if (atomic_compare_exchange_strong(&board->is_cut_off, &nobody, 1)) {
            memcpy(board->cut_off_by, board->slots[slot].text, AQT_MARK_TEXT);
            atomic_store(&board->is_cut_off, 2);
        }
        /* Nobody can be told anything any more, but for how this ends. */
        _exit(AQT_MARK_CUT_OFF);
    }
    current = mark / (AQT_MARK_SLOTS + 1);
    if (slot >= 0) atomic_store(&board->slots[slot].is_used, 0);
}

void aqt_mark_gives_way(void) {
    mark_board *board = atomic_load_explicit(&the_board, memory_order_relaxed);
    if (board) atomic_store(&board->gave_way, 1);
}

int aqt_mark_gave_way(const void *memory) {
    const mark_board *board = memory;
    return atomic_load(&board->gave_way) != 0;
}

void aqt_flight_set(int32_t place, int64_t image, int32_t phase) {
    mark_board *board = atomic_load_explicit(&the_board, memory_order_relaxed);
    if (!board || place < 0 || place >= AQT_FLIGHT_SLOTS) return;
    atomic_store_explicit(&board->flights[place], ((uint64_t)image + 1) << 8 | ((uint64_t)phase & 0xFF), memory_order_release);
}

int32_t aqt_flight_read(const void *memory, int32_t place, int64_t *image, int32_t *phase) {
    const mark_board *board = memory;
    if (place < 0 || place >= AQT_FLIGHT_SLOTS) return 0;
    uint64_t word = atomic_load_explicit(&board->flights[place], memory_order_acquire);
    if (word == 0) return 0;
    *image = (int64_t)(word >> 8) - 1;
    *phase = (int32_t)(word & 0xFF);
    return 1;
}

static void on_fault(int number) {
    mark_board *board = atomic_load_explicit(&the_board, memory_order_relaxed);
    if (board) {
        int32_t none = 0;
        if (atomic_compare_exchange_strong(&board->signal_number, &none, number)) atomic_store(&board->signal_slot, current);
    }
    uint32_t length = atomic_exchange(&last_words_length, 0);
    if (length) { ssize_t written = write(STDERR_FILENO, last_words, length); (void)written; }
    /* SA_RESETHAND has put the default back: it ends the process as if nobody had looked. */
    raise(number);
}

void aqt_marks_handle_faults(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fault;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
    const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };
    for (size_t index = 0; index < sizeof faults / sizeof *faults; index++) sigaction(faults[index], &action, NULL);
}

void aqt_marks_last_words(const char *words) {
    atomic_store(&last_words_length, 0);
    if (!words) return;
    size_t length = strlen(words);
    if (length > sizeof last_words) length = sizeof last_words;
    memcpy(last_words, words, length);
    atomic_store(&last_words_length, (uint32_t)length);
}

int32_t aqt_fork(void) { return (int32_t)fork(); }

int aqt_nameless_file(void) { return memfd_create("aquatint", MFD_CLOEXEC); }

void aqt_end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

int aqt_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1); }

int aqt_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

size_t aqt_allocated_bytes(void) {
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

void aqt_mark_read(const void *memory, int32_t slot, char out[AQT_MARK_TEXT]) {
    const mark_board *board = memory;
    out[0] = 0;
    if (slot < 0 || slot >= AQT_MARK_SLOTS || atomic_load(&board->slots[slot].is_used) != 2) return;
    memcpy(out, board->slots[slot].text, AQT_MARK_TEXT);
    out[AQT_MARK_TEXT - 1] = 0;
}

void aqt_mark_read_latest(const void *memory, char out[AQT_MARK_TEXT]) {
    const mark_board *board = memory;
    int32_t slot = atomic_load(&board->latest) - 1;
    out[0] = 0;
    if (slot < 0 || slot >= AQT_MARK_SLOTS || atomic_load(&board->slots[slot].is_used) == 1) return;
    memcpy(out, board->slots[slot].text, AQT_MARK_TEXT);
    out[AQT_MARK_TEXT - 1] = 0;
}

void aqt_mark_read_cut_off(const void *memory, char out[AQT_MARK_TEXT]) {
    const mark_board *board = memory;
    out[0] = 0;
    if (atomic_load(&board->is_cut_off) != 2) return;
    memcpy(out, board->cut_off_by, AQT_MARK_TEXT);
    out[AQT_MARK_TEXT - 1] = 0;
}

double aqt_mark_age(const void *memory, int32_t slot) {
    const mark_board *board = memory;
    if (slot < 0 || slot >= AQT_MARK_SLOTS) return 0;
    return (double)(now() - atomic_load(&board->slots[slot].entered)) * 1e-9;
}

int32_t aqt_mark_signal(const void *board) { return atomic_load(&((const mark_board *)board)->signal_number); }
int32_t aqt_mark_signal_slot(const void *board) { return atomic_load(&((const mark_board *)board)->signal_slot); }

/* What a worker process is doing, in memory that it shares with its supervisor: readable however the worker ended.
 *
 *     supervisor  <-- reads --  | signal | slot | what each thread calls ... | how far each image is ... |  <-- writes --  worker
 *
 * A thread that enters foreign code (a plug-in, the inference engine) takes a slot and writes what it calls; it clears the slot when the call returns. A
 * handler of the signals that end a process writes which signal came and which slot its thread holds, and lets the signal have its way.
 *
 * In C, since a signal handler may call next to nothing, and thread-local storage must be there without being allocated. */
#ifndef AQUATINT_STAGE_MARKS_H
#define AQUATINT_STAGE_MARKS_H

#include <stddef.h>
#include <stdint.h>

enum { AQT_MARK_SLOTS = 64, AQT_MARK_TEXT = 240, AQT_FLIGHT_SLOTS = 512, AQT_MARK_CUT_OFF = 71 /* EX_OSERR */ };

/* The bytes of a board. Zeros are an empty one. */
size_t aqt_mark_board_size(void);
/* Makes memory for one: a file descriptor that is closed by exec, or -1 with errno. */
int aqt_mark_board_create(void);

/* Where this process' marks go from now on; NULL: nowhere. The memory must stay. */
void aqt_marks_attach(void *board);

/* Says what the calling thread is about to call. Returns what aqt_mark_leave() wants. Calls nest. */
int32_t aqt_mark_enter(const char *text);
void aqt_mark_leave(int32_t mark);

/* Has the process leave, with the status AQT_MARK_CUT_OFF, as soon as foreign code returns that has closed this descriptor or put another file behind it: without it,
 * nobody would learn of anything that happens here. A copy of the process that comes back from foreign code leaves, too. Once per process. */
void aqt_marks_guard(int descriptor);

/* Says how far an image is: a place for each image in hand, below AQT_FLIGHT_SLOTS. An image is known by its number, from 0, below 2^48; a phase is 0...255.
 * Image -1 in phase 0: the place is free. */
void aqt_flight_set(int32_t place, int64_t image, int32_t phase);
/* For the supervisor: the image and phase of a place. Returns 0 where it is free. */
int32_t aqt_flight_read(const void *board, int32_t place, int64_t *image, int32_t *phase);

/* Says that this process is about to leave for a reason of its own, with whatever status. */
void aqt_mark_gives_way(void);
/* For the supervisor: whether it has said so. */
int aqt_mark_gave_way(const void *board);

/* Handles the signals that end a process for a fault of its own. Once per process. */
void aqt_marks_handle_faults(void);

/* What a fault of this process writes to standard error and deletes: for runs without a supervisor. Both are copied; NULL: nothing. */
void aqt_marks_last_words(const char *words);

/* fork(), which Swift hides: only for a process that has one thread, and whose copy starts none before it has settled down. */
int32_t aqt_fork(void);

/* A file without a name, in memory, that is closed by exec; -1 with errno. */
int aqt_nameless_file(void);
/* Has the system kill this process when the one that started it ends. */
void aqt_end_with_parent(void);
/* Makes this process the parent of those below it whose own parent has ended. Returns 0, or -1 with errno. */
int aqt_adopt_orphans(void);
/* On how many processors this thread may run; 0: not known. */
int aqt_processors(void);
/* Bytes that malloc() has given out and not got back. */
size_t aqt_allocated_bytes(void);

/* Copies the text of a slot; an empty text where it is free, or was torn. For the supervisor. */
void aqt_mark_read(const void *board, int32_t slot, char out[AQT_MARK_TEXT]);
/* Copies the text of the call that began last, whether it has returned or not; an empty text where there was none. For the supervisor. */
void aqt_mark_read_latest(const void *board, char out[AQT_MARK_TEXT]);
/* Copies the text of the call that has taken the guarded descriptor away; an empty text where none has. For the supervisor. */
void aqt_mark_read_cut_off(const void *board, char out[AQT_MARK_TEXT]);
/* Seconds since the call in a slot began. */
double aqt_mark_age(const void *board, int32_t slot);
int32_t aqt_mark_signal(const void *board);
int32_t aqt_mark_signal_slot(const void *board);

#endif

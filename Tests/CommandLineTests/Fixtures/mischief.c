/* A pixel stage that copies, and does to pictures of one width what its parameter says: nothing that a plug-in may do. */
#define _GNU_SOURCE
#include "aquatint_plugin.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const choices[] = {"nothing", "segv", "abort", "exit", "divide", "overflow", "sleep", "spin", "error", "nan", "leak", "hog", "kill", "print",
                                      "thread", "create", "plan", "wait", "endless", "relapse", "signals", "free", "closeall", "closelate", "cut", "daemon", "giveway", "hold", "closefrom", "umask", "scribble", "mutter", "comeback", "hangup", "unlink", NULL};
enum { NOTHING, SEGV, ABORT, EXIT, DIVIDE, OVERFLOW_STACK, SLEEP, SPIN, ERROR, NOT_A_NUMBER, LEAK, HOG, KILL, PRINT, THREAD, CREATE, PLAN, WAIT, ENDLESS, RELAPSE, SIGNALS, FREE, CLOSE_ALL, CLOSE_LATE, CUT, DAEMON, GIVE_WAY, HOLD, CLOSE_FROM, UMASK, SCRIBBLE, MUTTER, COME_BACK, HANG_UP, UNLINK };
static const aqt_value nothing = {.struct_size = sizeof(aqt_value), .type = AQT_P_ENUM};
static const aqt_value no_width = {.struct_size = sizeof(aqt_value), .type = AQT_P_INT};
static const aqt_param does = {.struct_size = sizeof(aqt_param), .type = AQT_P_ENUM, .name = "does", .doc = "What it does.", .choices = choices, .fallback = &nothing};
static const aqt_param at = {.struct_size = sizeof(aqt_param), .type = AQT_P_INT, .name = "at", .doc = "Width of the pictures it does it to; 0: all.", .has_range = 1,
                             .min = 0, .max = 100000, .fallback = &no_width};
static const aqt_param *const params[] = {&does, &at, NULL};
static const aqt_input picture = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "", .max_bands = 3};
static const aqt_input *const inputs[] = {&picture, NULL};

typedef struct { int64_t does, at; } instance;
typedef struct { aqt_image output; aqt_reach reach; const aqt_reach *reaches[2]; } memory;

static volatile int zero;
/* What is kept here is not optimised away. */
static char *volatile kept;
static int recurse(int depth) {
    volatile char space[4096];
    space[0] = (char)depth;
    return recurse(depth + 1) + space[0];
}
static void *crash(void *nothing) { (void)nothing; *(volatile int *)8 = 1; return NULL; }

/* A process that holds all that this one has open, in a session of its own; its number is in the file `daemon`. */
static void start_daemon(void) {
    pid_t child = fork();
    if (child == 0) { setsid(); sleep(20); _exit(0); }
    char name[4096];
    snprintf(name, sizeof name, "%s/daemon", getenv("HOME"));
    FILE *file = fopen(name, "w");
    if (!file) abort();
    fprintf(file, "%d\n", (int)child);
    fclose(file);
}

/* How often this was called in all processes that have this HOME. */
static long count_calls(void) {
    char name[4096];
    snprintf(name, sizeof name, "%s/calls", getenv("HOME"));
    FILE *file = fopen(name, "a");
    if (!file) abort();
    fputc('x', file);
    fflush(file);
    long count = ftell(file);
    fclose(file);
    return count;
}

static int32_t create(const aqt_host *host, const aqt_stage *stage, const aqt_value *const *values, void **self, aqt_error *err) {
    (void)host, (void)stage, (void)err;
    instance *i = malloc(sizeof *i);
    i->does = values[0]->i;
    i->at = values[1]->i;
    *self = i;
    if (i->does == CREATE) *(volatile int *)8 = 1;
    while (i->does == ENDLESS) zero = 0;
    if (i->does == CLOSE_FROM) for (int number = 3; number < 256; number++) close(number);
    if (i->does == HOLD) while (dup(2) >= 0) continue;
    /* The first process comes to grief over a picture, and the one that is started for it at once. */
    if (i->does == RELAPSE && count_calls() == 2) *(volatile int *)8 = 1;
    return AQT_OK;
}
static void destroy(void *self) { free(self); }

static int32_t plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
    (void)err;
    instance *i = self;
    if (i->does == PLAN && (!i->at || in[0]->width == i->at)) *(volatile int *)8 = 1;
    memory *m = calloc(1, sizeof *m);
    memcpy(&m->output, in[0], sizeof m->output);
    if (i->does == NOT_A_NUMBER) m->output.format = AQT_F32;
    m->reach.struct_size = sizeof m->reach;
    m->reach.num_x = m->reach.den_x = m->reach.num_y = m->reach.den_y = 1;
    m->reaches[0] = &m->reach;
    out->output = &m->output;
    out->reach = m->reaches;
    out->state = m;
    return AQT_OK;
}
static void plan_free(void *self, aqt_plan *out) {
    static int spare = -1;
    instance *i = self;
    if (i->does == FREE && (!i->at || out->output->width == i->at)) *(volatile int *)8 = 1;
    /* A number that was closed long ago, and is somebody else's by now. */
    if (i->does == CLOSE_LATE) {
        if (spare < 0) spare = dup(2);
        close(spare);
    }
    free(out->state);
}

static int32_t process(void *self, const aqt_plan *p, const aqt_job *job, const aqt_tile *const *in, const aqt_tile *out, aqt_error *err) {
    (void)job;
    instance *i = self;
    int is_hit = !i->at || in[0]->image->width == i->at;
    size_t sample = p->output->format == AQT_F32 ? 4 : 1;
    for (int64_t y = 0; y < out->rect.height; y++) {
        if (sample == 4) {
            for (int64_t x = 0; x < out->rect.width * p->output->bands; x++) ((float *)(out->data + y * out->row))[x] = 0.5f;
        } else {
            memcpy(out->data + y * out->row, in[0]->data + y * in[0]->row, (size_t)(out->rect.width * out->col));
        }
    }
    if (!is_hit) return AQT_OK;
    switch (i->does) {
    case RELAPSE:
    case SEGV: *(volatile int *)8 = 1; break;
    case ABORT: abort();
    case EXIT: _exit(0);
    case GIVE_WAY: _exit(75);
    case DIVIDE: zero = 100 / zero; break;
    case OVERFLOW_STACK: return recurse(0);
    case SLEEP: for (;;) sleep(1000);
    case SPIN: for (;;) zero = 0;
    case ERROR: strcpy(err->message, "disk on fire"); return AQT_E_IO;
    case NOT_A_NUMBER: ((float *)out->data)[0] = 0.0f / (float)zero; break;
    case LEAK: if (out->rect.y) break; kept = malloc(100 << 20); if (kept) memset(kept, 1, 100 << 20); break;
    case HOG: for (;;) { kept = malloc(16 << 20); if (!kept) abort(); memset(kept, 1, 16 << 20); }
    case KILL: kill(getpid(), SIGKILL); break;
    case PRINT: printf("noise on standard output\n"); fflush(stdout); break;
    case THREAD: { pthread_t thread; pthread_create(&thread, NULL, crash, NULL); pthread_join(thread, NULL); break; }
    case WAIT: if (!out->rect.y) usleep(200000); break;
    case SIGNALS: if (out->rect.y) break; fflush(NULL); if (system("grep -E 'Sig(Ign|Blk)' /proc/self/status >&2")) abort(); break;
    case CLOSE_ALL: for (int number = 3; number < 256; number++) close(number); break;
    case CUT: for (int number = 3; number < 256; number++) if (ftruncate(number, 0)) continue; break;
    case DAEMON: start_daemon(); break;
    case UMASK: umask(0777); break;
    /* To files of others, and to the socket. */
    case SCRIBBLE: for (int number = 3; number < 64; number++) if (write(number, "scribble", 8) < 0) continue; break;
    /* The same, a byte only: less than any message. */
    case MUTTER: for (int number = 3; number < 64; number++) if (write(number, "\0", 1) < 0) continue; break;
    case HANG_UP: for (int number = 3; number < 64; number++) shutdown(number, SHUT_RDWR); break;
    case UNLINK: if (system("for file in /proc/$PPID/fd/*; do case $(readlink $file) in */.aquatint-*) rm $(readlink $file);; esac; done")) abort(); break;
    case COME_BACK: fork(); break;
    default: break;
    }
    return AQT_OK;
}

static const aqt_stage mischief = {.struct_size = sizeof(aqt_stage), .kind = AQT_KIND_PIXEL, .threads = AQT_THREADS_FREE, .id = "test.mischief", .version = "1.0.0",
                                   .doc = "Does what no plug-in may.", .licence = "MIT", .inputs = inputs, .params = params, .create = create, .destroy = destroy,
                                   .plan = plan, .plan_free = plan_free, .process = process};
static const aqt_stage *const stages[] = {&mischief, NULL};
static const aqt_plugin plugin = {.struct_size = sizeof(aqt_plugin), .abi_minor = AQT_ABI_MINOR, .name = "test", .version = "1.0.0", .stages = stages};
AQT_EXPORT const aqt_plugin *aqt_plugin_entry_v1(void) { return &plugin; }

/* Plug-ins that break one promise each: built with -DONE_OF_THE_SWITCHES. With none, a sound one: `test.blur`, a 3 x 3 mean of floats. */
#define _GNU_SOURCE
#include "aquatint_plugin.h"
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#ifdef ESCAPES_IN_NAME
#define PLUGIN_NAME "te\033[31mst"
#else
#define PLUGIN_NAME "test"
#endif
#ifndef STAGE_ID
#define STAGE_ID "test.blur"
#endif

#ifdef CRASH_IN_CONSTRUCTOR
__attribute__((constructor)) static void constructor(void) { raise(SIGSEGV); }
#endif
#ifdef HANG_IN_CONSTRUCTOR
__attribute__((constructor)) static void constructor(void) { for (;;) pause(); }
#endif
#ifdef EXIT_IN_CONSTRUCTOR
__attribute__((constructor)) static void constructor(void) { exit(0); }
#endif
#ifdef PRINT_IN_CONSTRUCTOR
__attribute__((constructor)) static void constructor(void) { printf("hello from the plug-in\n"); }
#endif
#ifdef DAMAGE_IN_CONSTRUCTOR
/* What other code says through the same descriptor: as a stray write into the host's memory would make it say. */
__attribute__((constructor)) static void constructor(void) { for (int i = 3; i < 8; i++) if (write(i, "{\"found\":", 9) < 0) continue; }
#endif

#ifdef KILLS_PARENT_IN_CONSTRUCTOR
__attribute__((constructor)) static void constructor(void) { kill(getppid(), SIGKILL); }
#endif

static void *stay(void *nothing) { (void)nothing; for (;;) pause(); }

/* What is changed for the whole process, and stays so. */
static void be_rude(void) {
    static int is_done;
    if (is_done++) return;
    (void)stay;
#ifdef CHANGES_ENVIRONMENT
    setenv("OMP_NUM_THREADS", "1", 1);
#endif
#ifdef CHANGES_LIMIT
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64});
#endif
#ifdef SETS_ALARM
    alarm(1000);
#endif
#ifdef CHANGES_UMASK
    umask(0777);
#endif
#ifdef CHANGES_LOCALE
    setlocale(LC_NUMERIC, "C.UTF-8");
#endif
#ifdef BLOCKS_SIGNALS
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
#endif
#ifdef FLUSHES_TO_ZERO
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
#ifdef CLOSES_OUTPUT
    close(1);
#endif
#ifdef CLOSES_ALL
    for (int i = 3; i < 256; i++) close(i);
#endif
#ifdef LEAVES_FILE
    if (open("/etc/passwd", O_RDONLY) < 0) abort();
#endif
#ifdef LEAVES_THREAD
    pthread_t thread;
    pthread_create(&thread, NULL, stay, NULL);
#endif
#ifdef FORKS
    if (fork() == 0) { sleep(30); _exit(0); }
#endif
#ifdef IS_NICE
    if (nice(5) < 0) abort();
#endif
#ifdef WRITES_TO_OTHERS
    for (int i = 4; i < 64; i++) if (write(i, "?", 1) < 0) continue;
#endif
#ifdef READS_OTHERS
    char byte;
    for (int i = 4; i < 64; i++) if (recv(i, &byte, 1, MSG_DONTWAIT) < 0) continue;
#endif
#ifdef HANGS_UP_OTHERS
    for (int i = 4; i < 64; i++) shutdown(i, SHUT_RDWR);
#endif
#ifdef PINS_PROCESSOR
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
#endif
#ifdef KILLS_PARENT
    kill(getppid(), SIGKILL);
#endif
}

static int32_t fail(aqt_error *err, int32_t code, const char *param, const char *message) {
    err->code = code;
    strcpy(err->param, param);
    strcpy(err->message, message);
    return code;
}

static const aqt_value one = {.struct_size = sizeof(aqt_value), .type = AQT_P_FLOAT, .f = 1};
#ifdef DEFAULT_OUT_OF_RANGE
static const aqt_value usual = {.struct_size = sizeof(aqt_value), .type = AQT_P_FLOAT, .f = 99};
#else
#define usual one
#endif
static const aqt_param amount = {
#ifdef SHORT_STRUCT
    .struct_size = 8,
#else
    .struct_size = sizeof(aqt_param),
#endif
    .type = AQT_P_FLOAT, .name = "amount", .has_range = 1, .min = 0, .max = 10, .fallback = &usual,
#ifdef LONG_DOC
#define TEN(x) x x x x x x x x x x
    .doc = TEN(TEN(TEN(TEN("doc")))),
#elif defined(ESCAPES_IN_DOC)
    .doc = "How\033[2J \342\200\256much.",
#elif !defined(NO_DOC)
    .doc = "How much.",
#endif
};
#ifdef DUPLICATE_PARAMETER
static const aqt_param *const params[] = {&amount, &amount, NULL};
#else
static const aqt_param *const params[] = {&amount, NULL};
#endif
static const aqt_input picture = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "The picture.", .formats = 1u << AQT_F32};
static const aqt_input *const inputs[] = {&picture, NULL};

typedef struct { double amount; float last, previous, current; char pad[4096]; } instance;
typedef struct { aqt_image output; aqt_reach reach; const aqt_reach *reaches[2]; } memory;
static volatile float shared_rows[1 << 16];

static int32_t create(const aqt_host *host, const aqt_stage *stage, const aqt_value *const *values, void **self, aqt_error *err) {
    (void)host, (void)stage, (void)err;
#ifdef CRASH_IN_CREATE
    *(volatile int *)8 = 1;
#endif
#ifdef HANG_IN_CREATE
    for (;;) pause();
#endif
#ifdef PRINT_IN_CREATE
    puts("creating");
#endif
#ifdef EXIT_IN_CREATE
    exit(7);
#endif
#ifdef REFUSES_ITS_DEFAULT
    return fail(err, AQT_E_PARAM, "amount", "must be odd");
#endif
#ifdef SILENT_ERROR
    return AQT_E_INTERNAL;
#endif
    instance *i = calloc(1, sizeof *i);
    i->amount = values[0]->f;
#ifdef REFUSES_ITS_MAXIMUM
    if (i->amount >= 10) { free(i); return fail(err, AQT_E_PARAM, "amount", "must be below 10"); }
#endif
    be_rude();
#ifdef CHANGES_FOLDER
    if (chdir("/")) abort();
#endif
    *self = i;
    return AQT_OK;
}

static void destroy(void *self) {
#ifdef CRASH_IN_DESTROY
    free(self);
    abort();
#endif
#ifndef LEAK
    free(self);
#else
    (void)self;
#endif
}

static int32_t plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
    (void)self, (void)err;
#ifdef CRASH_IN_PLAN
    raise(SIGFPE);
#endif
#ifdef REFUSES_ONE_PIXEL
    if (in[0]->width < 3 || in[0]->height < 3) return fail(err, AQT_E_GEOMETRY, "", "the picture is too small");
#endif
    memory *m = calloc(1, sizeof *m);
    memcpy(&m->output, in[0], sizeof m->output);
    m->reach.struct_size = sizeof m->reach;
    m->reach.num_x = m->reach.den_x = m->reach.num_y = m->reach.den_y = 1;
#ifndef NO_HALO
    m->reach.left = m->reach.right = m->reach.top = m->reach.bottom = 1;
#endif
#ifdef HUGE_HALO
    m->reach.left = m->reach.right = 2147483647;
#endif
#ifdef PLAN_VARIES
    static int count;
    m->reach.left += count++ % 2;
#endif
#ifdef WRONG_SIZE
    m->output.width += 1;
#endif
#ifdef WILD_ALIGNMENT
    out->align_x = out->align_y = 2000000000;
#endif
    m->reaches[0] = &m->reach;
    out->output = &m->output;
    out->reach = m->reaches;
    out->edge = AQT_EDGE_REPLICATE;
    out->state = m;
    return AQT_OK;
}

static void plan_free(void *self, aqt_plan *out) {
    (void)self;
#ifdef CRASH_IN_PLAN_FREE
    abort();
#endif
    free(out->state);
}

static float *at(const aqt_tile *tile, int64_t x, int64_t y, int64_t b) {
    return (float *)(tile->data + (y - tile->rect.y) * tile->row + (x - tile->rect.x) * tile->col + b * tile->band);
}

static int32_t process(void *self, const aqt_plan *p, const aqt_job *job, const aqt_tile *const *in, const aqt_tile *out,
                       aqt_error *err) {
    (void)p, (void)err, (void)job;
    instance *i = self;
#ifdef CRASH_IN_PROCESS
    *(volatile int *)8 = 1;
#endif
#ifdef CRASH_ON_LARGE_TILE
    if (out->rect.width > 40) *(volatile int *)8 = 1;
#endif
#ifdef HANG_IN_PROCESS
    for (;;) pause();
#endif
#ifdef IGNORES_SIGNALS
    signal(SIGSEGV, SIG_IGN);
#endif
#ifdef PRINT_IN_PROCESS
    printf("tile\n");
#endif
#ifdef FAILS_IN_PROCESS
    return fail(err, AQT_E_IO, "", "disk on fire");
#endif
#ifdef NOT_THREAD_SAFE
    /* A copy of the tile in memory that all calls share. */
    for (int64_t y = 0; y < out->rect.height; y++)
        for (int64_t x = 0; x < out->rect.width; x++) shared_rows[(y * 64 + x) & 0xffff] = *at(in[0], out->rect.x + x, out->rect.y + y, 0);
    for (int64_t y = 0; y < out->rect.height; y++)
        for (int64_t x = 0; x < out->rect.width; x++)
            for (int64_t b = 0; b < out->image->bands; b++) *at(out, out->rect.x + x, out->rect.y + y, b) = shared_rows[(y * 64 + x) & 0xffff];
    return AQT_OK;
#endif
    /* Of the picture, where the tile has it. */
    const float corner = out->rect.x || out->rect.y ? 1 : *at(in[0], 0, 0, 0);
#ifdef KEEPS_FIRST_PICTURE
    static float first;
    if (first == 0) first = corner;
#endif
#ifdef KEEPS_LAST_PICTURE
    if (i->current != corner) { i->previous = i->current; i->current = corner; }
#endif
    (void)corner;
    for (int64_t b = 0; b < out->image->bands; b++)
        for (int64_t y = out->rect.y; y < out->rect.y + out->rect.height; y++)
            for (int64_t x = out->rect.x; x < out->rect.x + out->rect.width; x++) {
                float sum = 0;
                for (int64_t v = -1; v <= 1; v++)
                    for (int64_t u = -1; u <= 1; u++) sum += *at(in[0], x + u, y + v, b);
                float value = sum / 9;
#ifdef NOT_A_NUMBER
                if (x % 7 == 3) value = NAN;
#endif
#ifdef SKIPS_LAST_COLUMN
                if (x == out->rect.x + out->rect.width - 1) continue;
#endif
#ifdef DEPENDS_ON_TILE
                value += (float)(x - out->rect.x) * 0.01f;
#endif
#ifdef KEEPS_STATE
                value += i->last;
                i->last = value * 0.5f;
#endif
#ifdef RANDOM
                value += (float)(rand() % 100) * 0.01f;
#endif
#ifdef KEEPS_FIRST_PICTURE
                value += first;
#endif
#ifdef KEEPS_LAST_PICTURE
                value += i->previous;
#endif
#ifdef IGNORES_STRIDE
                ((float *)out->data)[((y - out->rect.y) * out->rect.width + (x - out->rect.x)) * out->image->bands + b] = value;
                continue;
#endif
                *at(out, x, y, b) = value;
            }
    (void)i, (void)shared_rows;
#ifdef WRITES_OUTSIDE
    *at(out, out->rect.x + out->rect.width, out->rect.y, 0) = 0.5f;
#endif
#ifdef CHANGES_IMAGE
    ((aqt_image *)out->image)->reserved = 1;
#endif
#ifdef WRITES_ITS_INPUT
    *at(in[0], out->rect.x, out->rect.y, 0) = 0.25f;
#endif
    return AQT_OK;
}

static const aqt_stage blur = {
    .struct_size = sizeof(aqt_stage), .kind = AQT_KIND_PIXEL, .threads = AQT_THREADS_FREE,
#ifdef BAD_NAME
    .id = "Test Blur",
#else
    .id = STAGE_ID,
#endif
    .version = "1.0.0", .doc = "Blurs.", .licence = "MIT", .inputs = inputs, .params = params,
#ifndef NO_CREATE
    .create = create,
#endif
    .destroy = destroy, .plan = plan, .plan_free = plan_free, .process = process};
#ifdef DUPLICATE_STAGE
static const aqt_stage *const stages[] = {&blur, &blur, NULL};
#else
static const aqt_stage *const stages[] = {&blur, NULL};
#endif

#ifdef LARGE_STRUCT
/* As a newer header would lay it out. */
static const struct { aqt_plugin plugin; uint64_t more[4]; } newer = {
    .plugin = {.struct_size = sizeof(aqt_plugin) + 32, .abi_minor = 7, .name = PLUGIN_NAME, .version = "1.2.0", .stages = stages}, .more = {1, 2, 3, 4}};
#define THE_PLUGIN newer.plugin
#else
static aqt_plugin plugin = {.struct_size = sizeof(aqt_plugin), .abi_minor = AQT_ABI_MINOR, .name = PLUGIN_NAME, .version = "1.2.0", .stages = stages};
#define THE_PLUGIN plugin
#endif

#ifdef WRONG_SYMBOL
AQT_EXPORT const aqt_plugin *aquatint_plugin_entry(void) { return &THE_PLUGIN; }
#elif defined(OTHER_MAJOR)
AQT_EXPORT const aqt_plugin *aqt_plugin_entry_v2(void) { return &THE_PLUGIN; }
#else
const aqt_plugin *aqt_plugin_entry_v1(void) {
#ifdef CRASH_IN_ENTRY
    abort();
#endif
#ifdef NULL_ENTRY
    return NULL;
#endif
#ifdef WILD_POINTER
    plugin.stages = (const aqt_stage *const *)0x10;
#endif
#ifdef DIFFERENT_EACH_TIME
    static char name[32];
    snprintf(name, sizeof name, "test-%d", (int)getpid());
    plugin.name = name;
#endif
    return &THE_PLUGIN;
}
#endif

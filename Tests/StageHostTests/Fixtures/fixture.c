/* One C file for all the plug-ins that tests load. Built with -DNAME and one of the switches below. */
#include "aquatint_plugin.h"
#include <stdlib.h>
#include <string.h>

#ifdef NO_ENTRY
int nothing(void) { return 0; }
#elif defined(OTHER_MAJOR)
AQT_EXPORT const void *aqt_plugin_entry_v2(void) { return 0; }
#elif defined(NULL_ENTRY)
const aqt_plugin *aqt_plugin_entry_v1(void) { return NULL; }
#else

#ifndef STAGE_ID
#define STAGE_ID "test.copy"
#endif
#ifndef THREADS
#define THREADS AQT_THREADS_FREE
#endif

static int32_t fail(aqt_error *err, int32_t code, const char *param, const char *message) {
    err->code = code;
    strcpy(err->param, param);
    strcpy(err->message, message);
    return code;
}

/* "fails" chooses what goes wrong. */
static const char *const choices[] = {"nothing", "create", "plan", "process", "unknown_code", "silent", "no_output", "wrong_size",
                                      "negative_halo", "cancel", NULL};
enum { NOTHING, CREATE, PLAN, PROCESS, UNKNOWN_CODE, SILENT, NO_OUTPUT, WRONG_SIZE, NEGATIVE_HALO, CANCEL };
static const aqt_value no_failure = {.struct_size = sizeof(aqt_value), .type = AQT_P_ENUM};
static const aqt_param fails = {.struct_size = sizeof(aqt_param), .type = AQT_P_ENUM, .name = "fails", .doc = "What goes wrong.",
                                .choices = choices, .fallback = &no_failure};
static const aqt_param title = {.struct_size = sizeof(aqt_param), .type = AQT_P_STRING, .name = "title", .doc = "Logged."};
static const aqt_param *const params[] = {&fails, &title, NULL};
static const aqt_input picture = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "", .max_bands = 3};
static const aqt_input *const inputs[] = {&picture, NULL};

/* How many process() calls run now, and the most that ever did. */
static int running, most, live_instances, live_plans, inits;

typedef struct { int64_t fails; } instance;
typedef struct { aqt_image output; aqt_reach reach; const aqt_reach *reaches[2]; } memory;

static int32_t create(const aqt_host *host, const aqt_stage *stage, const aqt_value *const *values, void **self, aqt_error *err) {
    if (strcmp(stage->id, STAGE_ID)) return fail(err, AQT_E_INTERNAL, "", "create() got another stage");
    if (values[0]->i == CREATE) return fail(err, AQT_E_PARAM, "fails", "was told to\nfail");
    if (values[1]->s) host->log(host, AQT_LOG_WARN, values[1]->s);
    instance *i = malloc(sizeof *i);
    i->fails = values[0]->i;
    *self = i;
    __atomic_add_fetch(&live_instances, 1, __ATOMIC_SEQ_CST);
    return AQT_OK;
}

static void destroy(void *self) {
    __atomic_sub_fetch(&live_instances, 1, __ATOMIC_SEQ_CST);
    free(self);
}

static int32_t plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
    int64_t fails = ((instance *)self)->fails;
    if (fails == PLAN) return fail(err, AQT_E_GEOMETRY, "", "cannot do this size");
    if (fails == UNKNOWN_CODE) return -99;
    if (fails == SILENT) return AQT_E_MEMORY;
    memory *m = calloc(1, sizeof *m);
    memcpy(&m->output, in[0], sizeof m->output);
    m->reach.struct_size = sizeof m->reach;
    m->reach.num_x = m->reach.den_x = m->reach.num_y = m->reach.den_y = 1;
    m->reaches[0] = &m->reach;
#ifdef MODEL
    out->flags = AQT_PLAN_DERIVE;
    out->state = m;
    __atomic_add_fetch(&live_plans, 1, __ATOMIC_SEQ_CST);
    return AQT_OK;
#endif
    if (fails == WRONG_SIZE) m->output.width += 1;
    if (fails == NEGATIVE_HALO) m->reach.left = -1;
    out->output = fails == NO_OUTPUT ? NULL : &m->output;
    out->reach = m->reaches;
    out->state = m;
    __atomic_add_fetch(&live_plans, 1, __ATOMIC_SEQ_CST);
    return AQT_OK;
}

static void plan_free(void *self, aqt_plan *out) {
    (void)self;
    __atomic_sub_fetch(&live_plans, 1, __ATOMIC_SEQ_CST);
    free(out->state);
}

static int32_t process(void *self, const aqt_plan *p, const aqt_job *job, const aqt_tile *const *in, const aqt_tile *out,
                       aqt_error *err) {
    (void)p;
    int now = __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST), seen = most;
    while (now > seen && !__atomic_compare_exchange_n(&most, &seen, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
    int64_t fails = ((instance *)self)->fails;
    int32_t result = AQT_OK;
    if (fails == PROCESS) result = fail(err, AQT_E_IO, "", "disk on fire");
    while (fails == CANCEL && result == AQT_OK)
        if (job->cancelled(job)) result = fail(err, AQT_E_CANCELLED, "", "cancelled");
    for (int64_t y = 0; y < out->rect.height && result == AQT_OK; y++)
        memcpy(out->data + y * out->row, in[0]->data + y * in[0]->row, (size_t)(out->rect.width * out->col));
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    return result;
}

#ifdef MODEL
/* A network stage: the bytes of an ONNX file, separated by commas, under a key that every such stage gives. */
static const unsigned char model[] = {MODEL};
static int32_t network(void *self, const aqt_plan *p, aqt_network *out, aqt_error *err) {
    (void)self, (void)p, (void)err;
    out->bytes = model;
    out->size = sizeof model;
    out->key = "key";
    return AQT_OK;
}
#define KIND AQT_KIND_NETWORK
#define CALLS .network = network
#else
#define KIND AQT_KIND_PIXEL
#define CALLS .process = process
#endif

static int counters[5];
static const void *extension(const char *id) {
    if (strcmp(id, "test.counters/1")) return NULL;
    int now[] = {running, most, live_instances, live_plans, inits};
    memcpy(counters, now, sizeof counters);
    return counters;
}

static const aqt_stage copy = {.struct_size = sizeof(aqt_stage), .kind = KIND, .threads = THREADS, .id = STAGE_ID,
                               .version = "1.0.0", .doc = "Copies.", .licence = "MIT", .inputs = inputs, .params = params,
                               .create = create, .destroy = destroy, .plan = plan, .plan_free = plan_free,
                               CALLS, .extension = extension};
static const aqt_stage *const stages[] = {&copy, NULL};

static int32_t init(const aqt_host *host, aqt_error *err) {
    (void)host, (void)err;
    inits++;
#ifdef INIT_FAILS
    return fail(err, AQT_E_UNSUPPORTED, "", "this machine is too old");
#endif
    return AQT_OK;
}

static const aqt_plugin plugin = {.struct_size = sizeof(aqt_plugin), .abi_minor = AQT_ABI_MINOR, .name = "test", .version = "1.0.0",
                                  .stages = stages, .init = init};
const aqt_plugin *aqt_plugin_entry_v1(void) { return &plugin; }
#endif

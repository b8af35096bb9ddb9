/* A network stage that hands over the ONNX file that it is given, which doubles the picture: built with -DONE_OF_THE_SWITCHES, HONEST among them. */
#include "aquatint_plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const aqt_param model = {.struct_size = sizeof(aqt_param), .type = AQT_P_FILE, .flags = AQT_PF_REQUIRED, .name = "model", .doc = "The network."};
static const aqt_param *const params[] = {&model, NULL};
static const aqt_input picture = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "The picture.", .min_bands = 3, .max_bands = 3};
static const aqt_input *const inputs[] = {&picture, NULL};

typedef struct { unsigned char *bytes; size_t size; } instance;

static int32_t fail(aqt_error *err, int32_t code, const char *message) {
    snprintf(err->message, sizeof err->message, "%s", message);
    return err->code = code;
}

static int32_t create(const aqt_host *host, const aqt_stage *stage, const aqt_value *const *values, void **self, aqt_error *err) {
    (void)host, (void)stage;
    FILE *file = fopen(values[0]->s, "rb");
    if (!file) return fail(err, AQT_E_IO, "the model cannot be read");
    instance *i = calloc(1, sizeof *i);
    fseek(file, 0, SEEK_END);
    i->size = (size_t)ftell(file);
    rewind(file);
    i->bytes = malloc(i->size);
    if (fread(i->bytes, 1, i->size, file) != i->size) abort();
    fclose(file);
    *self = i;
    return AQT_OK;
}
static void destroy(void *self) {
    instance *i = self;
    free(i->bytes);
    free(i);
}

#ifdef WRONG_SCALE
enum { SCALE = 3 };
#else
enum { SCALE = 2 };
#endif
typedef struct { aqt_image output; aqt_reach reach; const aqt_reach *reaches[2]; } answer;

static int32_t plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
    (void)self, (void)err;
#ifdef HONEST
    (void)in;
    out->flags = AQT_PLAN_DERIVE;
#else
    answer *a = calloc(1, sizeof *a);
    memcpy(&a->output, in[0], sizeof a->output);
    a->output.width *= SCALE, a->output.height *= SCALE;
    a->reach.struct_size = sizeof a->reach;
    a->reach.num_x = a->reach.num_y = SCALE, a->reach.den_x = a->reach.den_y = 1;
    a->reaches[0] = &a->reach;
    out->output = &a->output;
    out->reach = a->reaches;
    out->edge = AQT_EDGE_REFLECT;
    out->state = a;
#endif
    return AQT_OK;
}
static void plan_free(void *self, aqt_plan *p) { (void)self; free(p->state); }

static int32_t network(void *self, const aqt_plan *p, aqt_network *out, aqt_error *err) {
    (void)p, (void)err;
    instance *i = self;
    out->bytes = i->bytes;
#ifdef NO_MODEL
    out->size = 100;
#else
    out->size = i->size;
#endif
    return AQT_OK;
}

static const aqt_stage stage = {
    .struct_size = sizeof(aqt_stage), .kind = AQT_KIND_NETWORK, .threads = AQT_THREADS_FREE, .id = "test.network", .version = "1.0.0", .doc = "Doubles.",
    .licence = "MIT", .inputs = inputs, .params = params, .create = create, .destroy = destroy, .plan = plan, .plan_free = plan_free, .network = network};
static const aqt_stage *const stages[] = {&stage, NULL};
static const aqt_plugin plugin = {.struct_size = sizeof(aqt_plugin), .abi_minor = AQT_ABI_MINOR, .name = "test", .version = "1.2.0", .stages = stages};

const aqt_plugin *aqt_plugin_entry_v1(void) { return &plugin; }

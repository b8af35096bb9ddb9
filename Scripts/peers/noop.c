/* noop.c - four stages that hand their input on unchanged, each with another sample format and memory layout: what remains
 * of their time is the host's. For Scripts/bench-plugins. */
#include "aquatint_plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const aqt_param *const params[] = {NULL};
static const aqt_input bytes = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "The picture.", .formats = 1u << AQT_U8};
static const aqt_input floats = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "The picture.", .formats = 1u << AQT_F32};
static const aqt_input *const of_bytes[] = {&bytes, NULL}, *const of_floats[] = {&floats, NULL};

static int32_t create(const aqt_host *host, const aqt_stage *stage, const aqt_value *const *values, void **self, aqt_error *err) {
    (void)host, (void)values, (void)err;
    *self = (void *)(strstr(stage->id, "planar") ? "planar" : "");
    return AQT_OK;
}
static void destroy(void *self) { (void)self; }

typedef struct { aqt_image output; aqt_reach reach; const aqt_reach *reaches[2]; } answer;

static int32_t plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
    answer *a = calloc(1, sizeof *a);
    if (!a) {
        snprintf(err->message, sizeof err->message, "no memory");
        return err->code = AQT_E_MEMORY;
    }
    a->output.struct_size = sizeof a->output;
    a->output.format = in[0]->format, a->output.space = in[0]->space, a->output.bands = in[0]->bands;
    a->output.has_alpha = in[0]->has_alpha, a->output.width = in[0]->width, a->output.height = in[0]->height;
    a->reach.struct_size = sizeof a->reach;
    a->reach.num_x = a->reach.den_x = a->reach.num_y = a->reach.den_y = 1;
    a->reaches[0] = &a->reach;
    out->output = &a->output;
    out->reach = a->reaches;
    out->layout = *(const char *)self ? AQT_PLANAR : AQT_INTERLEAVED;
    out->state = a;
    return AQT_OK;
}
static void plan_free(void *self, aqt_plan *p) { (void)self; free(p->state); }

static int32_t process(void *self, const aqt_plan *p, const aqt_job *job, const aqt_tile *const *in, const aqt_tile *out,
                       aqt_error *err) {
    (void)self, (void)p, (void)job, (void)err;
    const aqt_tile *from = in[0];
    const int64_t size = out->image->format == AQT_U8 ? 1 : 4;
    const int64_t bands = out->image->bands, planes = out->band == size && out->col == bands * size ? 1 : bands;
    for (int64_t b = 0; b < planes; b++)
        for (int64_t y = out->rect.y; y < out->rect.y + out->rect.height; y++)
            memcpy(out->data + (y - out->rect.y) * out->row + b * out->band,
                   from->data + (y - from->rect.y) * from->row + (out->rect.x - from->rect.x) * from->col + b * from->band,
                   (size_t)(out->rect.width * out->col));
    return AQT_OK;
}

#define STAGE(name, taken)                                                                                          \
    static const aqt_stage name = {                                                                                 \
        .struct_size = sizeof(aqt_stage), .kind = AQT_KIND_PIXEL, .threads = AQT_THREADS_FREE, .id = "bench." #name, \
        .version = "1.0.0", .doc = "Hands its input on.", .licence = "MIT", .inputs = taken, .params = params,      \
        .create = create, .destroy = destroy, .plan = plan, .plan_free = plan_free, .process = process}
STAGE(u8, of_bytes);
STAGE(u8_planar, of_bytes);
STAGE(f32, of_floats);
STAGE(f32_planar, of_floats);
static const aqt_stage *const stages[] = {&u8, &u8_planar, &f32, &f32_planar, NULL};
static const aqt_plugin plugin = {.struct_size = sizeof(aqt_plugin), .abi_minor = AQT_ABI_MINOR, .name = "bench.noop",
                                  .version = "1.0.0", .vendor = "Aquatint", .stages = stages};

const aqt_plugin *aqt_plugin_entry_v1(void) { return &plugin; }

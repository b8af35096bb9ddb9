/* kuwahara.c - the stage `kuwahara`: the anisotropic Kuwahara filter (filter.c) behind Aquatint's plug-in interface.
 * Also an example of a plug-in in plain C: everything that the interface asks for is in this file. */
#include "aquatint_plugin.h"
#include "kuwahara.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- errors ------------------------------------------------------------------------------------------------- */

static int32_t fail(aqt_error *err, int32_t code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (err->struct_size >= sizeof *err) {
        err->code = code;
        err->param[0] = 0;
        vsnprintf(err->message, sizeof err->message, format, arguments);
    }
    va_end(arguments);
    return code;
}

/* ---- the declaration ------------------------------------------------------------------------------------------ */

#define FLOAT_PARAM(id, text, a_unit, value, least, most)                                                            \
    static const aqt_value id##_default = {.struct_size = sizeof(aqt_value), .type = AQT_P_FLOAT, .f = value};       \
    static const aqt_param id##_param = {.struct_size = sizeof(aqt_param), .type = AQT_P_FLOAT, .has_range = 1,      \
                                         .name = #id, .doc = text, .unit = a_unit, .min = least, .max = most,        \
                                         .fallback = &id##_default}

FLOAT_PARAM(radius, "Size of the brush: the radius of the neighbourhood that becomes one tone.", "px", 6, 1, 32);
FLOAT_PARAM(sharpness, "How hard the borders of the tones are: 1 is soft, 8 crisp, 20 cut with a knife.", NULL, 8, 1, 32);
FLOAT_PARAM(elongation, "How far strokes follow edges: 0 is round, 1 makes them up to twice as long and half as wide.", NULL, 1, 0, 2);
FLOAT_PARAM(smoothing, "How calm the direction of the strokes is: the blur (sigma) of the local directions.", "px", 2, 0, 10);

enum { RADIUS, SHARPNESS, ELONGATION, SMOOTHING };      /* in the order of this list */
static const aqt_param *const params[] = {&radius_param, &sharpness_param, &elongation_param, &smoothing_param, NULL};

static const aqt_input picture = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "The picture.",
                                  .formats = 1u << AQT_F32, .spaces = 1u << AQT_SPACE_SRGB | 1u << AQT_SPACE_GREY,
                                  .min_bands = 1, .max_bands = KUW_MAX_BANDS};
static const aqt_input *const inputs[] = {&picture, NULL};

/* ---- the stage -------------------------------------------------------------------------------------------------- */

static int32_t create(const aqt_host *host, const aqt_stage *stage, const aqt_value *const *values, void **self, aqt_error *err) {
    (void)host, (void)stage;
    kuw_settings *settings = malloc(sizeof *settings);
    if (!settings) return fail(err, AQT_E_MEMORY, "no memory for the settings");
    settings->radius = (float)values[RADIUS]->f;
    settings->sharpness = (float)values[SHARPNESS]->f;
    settings->elongation = (float)values[ELONGATION]->f;
    settings->smoothing = (float)values[SMOOTHING]->f;
    *self = settings;
    return AQT_OK;
}

static void destroy(void *self) { free(self); }

/* What plan() hands out and plan_free() takes back. */
typedef struct {
    aqt_image output;
    aqt_reach reach;
    const aqt_reach *reaches[2];
} plan_memory;

static int32_t plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
    plan_memory *memory = calloc(1, sizeof *memory);
    if (!memory) return fail(err, AQT_E_MEMORY, "no memory for the plan");
    /* Field by field: the host's struct may be longer or shorter than ours. */
    memory->output.struct_size = sizeof memory->output;
    memory->output.format = in[0]->format;
    memory->output.space = in[0]->space;
    memory->output.bands = in[0]->bands;
    memory->output.has_alpha = in[0]->has_alpha;
    memory->output.width = in[0]->width;
    memory->output.height = in[0]->height;
    int32_t halo = kuw_reach(self);
    memory->reach.struct_size = sizeof memory->reach;
    memory->reach.num_x = memory->reach.den_x = memory->reach.num_y = memory->reach.den_y = 1;
    memory->reach.left = memory->reach.right = memory->reach.top = memory->reach.bottom = halo;
    memory->reaches[0] = &memory->reach;
    out->output = &memory->output;
    out->reach = memory->reaches;
    out->edge = AQT_EDGE_CLIP;          /* the filter mirrors the picture itself */
    out->state = memory;
    return AQT_OK;
}

static void plan_free(void *self, aqt_plan *out) {
    (void)self;
    free(out->state);
}

static int is_cancelled(const void *job) {
    const aqt_job *j = job;
    return j->cancelled(j) != 0;
}

static int32_t process(void *self, const aqt_plan *p, const aqt_job *job, const aqt_tile *const *in, const aqt_tile *out,
                       aqt_error *err) {
    (void)p;
    const aqt_tile *tile = in[0];
    kuw_pixels from = {tile->data, tile->row, tile->col, tile->band, tile->rect.x, tile->rect.y};
    kuw_pixels to = {out->data, out->row, out->col, out->band, out->rect.x, out->rect.y};
    int result = kuw_filter(self, tile->image->width, tile->image->height, tile->image->bands, &from, &to, out->rect.x,
                            out->rect.y, out->rect.width, out->rect.height, is_cancelled, job);
    if (result == 1) return fail(err, AQT_E_CANCELLED, "cancelled");
    if (result)
        return fail(err, AQT_E_MEMORY, "no memory for a tile of %lld x %lld pixels", (long long)out->rect.width,
                    (long long)out->rect.height);
    return AQT_OK;
}

static const aqt_stage kuwahara = {
    .struct_size = sizeof(aqt_stage), .kind = AQT_KIND_PIXEL, .threads = AQT_THREADS_FREE,
    .id = "kuwahara", .version = "1.0.0", .licence = "MIT",
    .doc = "Turns a photograph into a painting. Anisotropic Kuwahara filter: flattens texture into strokes that follow the "
           "edges, and keeps the edges sharp.",
    .inputs = inputs, .params = params,
    .create = create, .destroy = destroy, .plan = plan, .plan_free = plan_free, .process = process};
static const aqt_stage *const stages[] = {&kuwahara, NULL};

static const aqt_plugin plugin = {.struct_size = sizeof(aqt_plugin), .abi_minor = AQT_ABI_MINOR, .name = "aquatint.kuwahara",
                                  .version = "1.0.0", .vendor = "Aquatint", .stages = stages};

const aqt_plugin *aqt_plugin_entry_v1(void) { return &plugin; }

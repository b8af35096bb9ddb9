/* The stage {{id}}: mixes each pixel with the mean of its surroundings. Replace it by what you have in mind. */
#include "aquatint_plugin.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- what the stage takes: validation, help and the editor's schema follow from it ------------------------------ */

static const aqt_value radius_default = {.struct_size = sizeof(aqt_value), .type = AQT_P_INT, .i = 2};
static const aqt_param radius = {.struct_size = sizeof(aqt_param), .type = AQT_P_INT, .has_range = 1, .min = 1, .max = 16,
                                 .name = "radius", .doc = "How far the surroundings go.", .unit = "px", .fallback = &radius_default};
static const aqt_value amount_default = {.struct_size = sizeof(aqt_value), .type = AQT_P_FLOAT, .f = 1};
static const aqt_param amount = {.struct_size = sizeof(aqt_param), .type = AQT_P_FLOAT, .has_range = 1, .min = 0, .max = 1,
                                 .name = "amount", .doc = "How much of the mean is mixed in.", .fallback = &amount_default};
static const aqt_param *const params[] = {&radius, &amount, NULL};

static const aqt_input picture = {.struct_size = sizeof(aqt_input), .name = "in", .doc = "The picture.", .formats = 1u << AQT_F32};
static const aqt_input *const inputs[] = {&picture, NULL};

/* ---- one use of the stage in a pipeline --------------------------------------------------------------------------- */

typedef struct { int64_t radius; float amount; } settings;

static int32_t fail(aqt_error *err, int32_t code, const char *message) {
    err->code = code;
    snprintf(err->message, sizeof err->message, "%s", message);
    return code;
}

static int32_t create(const aqt_host *host, const aqt_stage *stage, const aqt_value *const *values, void **self, aqt_error *err) {
    (void)host, (void)stage;
    settings *s = malloc(sizeof *s);
    if (!s) return fail(err, AQT_E_MEMORY, "no memory");
    s->radius = values[0]->i;                           /* in the order of params; the host has checked the ranges */
    s->amount = (float)values[1]->f;
    *self = s;
    return AQT_OK;
}

static void destroy(void *self) { free(self); }

/* ---- once per image size: what comes out, and which pixels that needs ---------------------------------------------- */

typedef struct { aqt_image output; aqt_reach reach; const aqt_reach *reaches[2]; } answer;

static int32_t plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
    const settings *s = self;
    answer *a = calloc(1, sizeof *a);
    if (!a) return fail(err, AQT_E_MEMORY, "no memory");
    a->output.struct_size = sizeof a->output;           /* the same as the input, field by field: never copy a boundary struct */
    a->output.format = in[0]->format;
    a->output.space = in[0]->space;
    a->output.bands = in[0]->bands;
    a->output.has_alpha = in[0]->has_alpha;
    a->output.width = in[0]->width;
    a->output.height = in[0]->height;
    a->reach.struct_size = sizeof a->reach;
    a->reach.num_x = a->reach.den_x = a->reach.num_y = a->reach.den_y = 1;                     /* as large as the input */
    a->reach.left = a->reach.right = a->reach.top = a->reach.bottom = (int32_t)s->radius;      /* the halo */
    a->reaches[0] = &a->reach;
    out->output = &a->output;
    out->reach = a->reaches;
    out->edge = AQT_EDGE_REPLICATE;                     /* past its edges the picture goes on, so the halo is always there */
    out->state = a;
    return AQT_OK;
}

static void plan_free(void *self, aqt_plan *p) {
    (void)self;
    free(p->state);
}

/* ---- the work: every sample of one rectangle of the output ----------------------------------------------------------- */

/* The sample at a position in the whole image: the halo makes the input's rectangle larger than the output's. */
static float *sample(const aqt_tile *t, int64_t x, int64_t y, int32_t band) {
    return (float *)(t->data + (y - t->rect.y) * t->row + (x - t->rect.x) * t->col + band * t->band);
}

static int32_t process(void *self, const aqt_plan *p, const aqt_job *job, const aqt_tile *const *in, const aqt_tile *out,
                       aqt_error *err) {
    (void)p;
    const settings *s = self;
    const float count = (float)((2 * s->radius + 1) * (2 * s->radius + 1));
    for (int64_t y = out->rect.y; y < out->rect.y + out->rect.height; y++) {
        if (job->cancelled(job)) return fail(err, AQT_E_CANCELLED, "cancelled");
        for (int64_t x = out->rect.x; x < out->rect.x + out->rect.width; x++)
            for (int32_t b = 0; b < out->image->bands; b++) {
                float sum = 0;
                for (int64_t v = y - s->radius; v <= y + s->radius; v++)
                    for (int64_t u = x - s->radius; u <= x + s->radius; u++) sum += *sample(in[0], u, v, b);
                const float own = *sample(in[0], x, y, b);
                *sample(out, x, y, b) = own + s->amount * (sum / count - own);
            }
    }
    return AQT_OK;
}

/* ---- the tables ---------------------------------------------------------------------------------------------------------- */

static const aqt_stage stage = {
    .struct_size = sizeof(aqt_stage), .kind = AQT_KIND_PIXEL, .threads = AQT_THREADS_FREE,
    .id = "{{id}}", .version = "1.0.0", .doc = "Mixes each pixel with the mean of its surroundings.",
    .licence = "MIT",                                   /* yours to choose: an SPDX expression, and the file LICENSE */
    .inputs = inputs, .params = params,
    .create = create, .destroy = destroy, .plan = plan, .plan_free = plan_free, .process = process};
static const aqt_stage *const stages[] = {&stage, NULL};
static const aqt_plugin plugin = {.struct_size = sizeof(aqt_plugin), .abi_minor = AQT_ABI_MINOR, .name = "{{id}}", .version = "1.0.0",
                                  .vendor = "{{vendor}}", .stages = stages};

const aqt_plugin *aqt_plugin_entry_v1(void) { return &plugin; }

/* aquatint_test.h - runs the pixel stages of a plug-in on small pictures, for its tests. C11 and C++17, no dependencies.
 *
 * The smallest host there is: one input, float samples, interleaved. Like the real one it hands each call exactly the pixels
 * that plan() asked for, so a stage that reads more, or depends on how the picture is cut up, gives other numbers in tiles.
 *
 *      aqt_test_picture dot = aqt_test_new(9, 9, 1), out = {0, 0, 0, NULL};
 *      const char *settings[] = {"radius=1", NULL};
 *      int code = aqt_test_run("acme.soften", settings, &dot, 4, &out);      // in tiles of 4 x 4; 0: in one
 *      free(dot.samples), free(out.samples);
 */
#ifndef AQUATINT_TEST_H
#define AQUATINT_TEST_H
#include "aquatint_plugin.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A float picture. Sample (x, y, band) is samples[(y * width + x) * bands + band]. Release samples with free(). */
typedef struct aqt_test_picture { int64_t width, height; int32_t bands; float *samples; } aqt_test_picture;

/** A black picture. */
static inline aqt_test_picture aqt_test_new(int64_t width, int64_t height, int32_t bands) {
    aqt_test_picture p = {width, height, bands, (float *)calloc((size_t)(width * height * bands), sizeof(float))};
    if (!p.samples) abort();
    return p;
}

static inline float *aqt_test_at(const aqt_test_picture *p, int64_t x, int64_t y, int32_t band) {
    return p->samples + (y * p->width + x) * p->bands + band;
}

/** The largest difference of two pictures; infinity where their sizes differ or a sample is not a number. */
static inline double aqt_test_difference(const aqt_test_picture *a, const aqt_test_picture *b) {
    double most = 0;
    if (a->width != b->width || a->height != b->height || a->bands != b->bands) return INFINITY;
    for (int64_t i = 0; i < a->width * a->height * a->bands; i++) {
        double d = fabs((double)a->samples[i] - (double)b->samples[i]);
        if (!(d <= most)) most = isnan(d) ? INFINITY : d;
    }
    return most;
}

static inline int32_t aqt_test_not_cancelled(const aqt_job *job) { (void)job; return 0; }
static inline void aqt_test_log(const aqt_host *host, int32_t level, const char *message) {
    (void)host;
    fprintf(stderr, "log %d: %s\n", (int)level, message);
}
static inline const void *aqt_test_extension(const aqt_host *host, const char *id) { (void)host, (void)id; return NULL; }

/** The value of a parameter from "name=text", or its default. Numbers, switches, choices and texts; 0: it cannot be had. */
static inline int aqt_test_value(const aqt_param *param, const char *const *settings, aqt_value *value) {
    size_t length = strlen(param->name);
    const char *text = NULL;
    for (; settings && *settings; settings++)
        if (!strncmp(*settings, param->name, length) && (*settings)[length] == '=') text = *settings + length + 1;
    memset(value, 0, sizeof *value);
    if (!text && param->fallback) {
        memcpy(value, param->fallback, param->fallback->struct_size < sizeof *value ? param->fallback->struct_size : sizeof *value);
        value->struct_size = sizeof *value;
        return 1;
    }
    value->struct_size = sizeof *value;
    value->type = param->type;
    if (!text) return !(param->flags & AQT_PF_REQUIRED);
    switch (param->type) {
    case AQT_P_BOOL: value->i = !strcmp(text, "true"); return 1;
    case AQT_P_INT: value->i = strtoll(text, NULL, 10); return 1;
    case AQT_P_FLOAT: value->f = strtod(text, NULL); return 1;
    case AQT_P_STRING: case AQT_P_FILE: case AQT_P_JSON: value->s = text; return 1;
    case AQT_P_ENUM:
        for (; param->choices[value->i]; value->i++)
            if (!strcmp(param->choices[value->i], text)) return 1;
        return 0;
    default: return 0;
    }
}

/** Where a position that may lie outside 0..<extent is read; -1: it is zero. */
static inline int64_t aqt_test_fold(int64_t position, int64_t extent, int32_t edge) {
    if (position >= 0 && position < extent) return position;
    if (edge == AQT_EDGE_ZERO) return -1;
    if (edge == AQT_EDGE_REPLICATE) return position < 0 ? 0 : extent - 1;
    if (extent == 1) return 0;
    position %= 2 * extent - 2;
    if (position < 0) position += 2 * extent - 2;
    return position < extent ? position : 2 * extent - 2 - position;
}

static inline int64_t aqt_test_floor_div(int64_t a, int64_t b) { return a / b - (a % b && (a < 0) != (b < 0)); }

/** One call of process(): the rectangle `rect` of the output. */
static inline int32_t aqt_test_tile(const aqt_stage *stage, void *self, const aqt_plan *plan, const aqt_image *image,
                                    const aqt_test_picture *in, aqt_rect rect, aqt_test_picture *out, aqt_error *err) {
    const aqt_reach *r = plan->reach[0];
    int64_t x0 = aqt_test_floor_div(rect.x * r->den_x, r->num_x) - r->left, y0 = aqt_test_floor_div(rect.y * r->den_y, r->num_y) - r->top;
    int64_t x1 = aqt_test_floor_div((rect.x + rect.width - 1) * r->den_x, r->num_x) + r->right + 1;
    int64_t y1 = aqt_test_floor_div((rect.y + rect.height - 1) * r->den_y, r->num_y) + r->bottom + 1;
    if (plan->flags & AQT_PLAN_WHOLE_IMAGE) x0 = y0 = 0, x1 = in->width, y1 = in->height;
    if (plan->edge == AQT_EDGE_CLIP) {
        if (x0 < 0) x0 = 0;
        if (y0 < 0) y0 = 0;
        if (x1 > in->width) x1 = in->width;
        if (y1 > in->height) y1 = in->height;
    }
    aqt_test_picture part = aqt_test_new(x1 - x0, y1 - y0, in->bands), result = aqt_test_new(rect.width, rect.height, out->bands);
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++)
            for (int32_t b = 0; b < in->bands; b++) {
                int64_t fx = aqt_test_fold(x, in->width, plan->edge), fy = aqt_test_fold(y, in->height, plan->edge);
                *aqt_test_at(&part, x - x0, y - y0, b) = fx < 0 || fy < 0 ? 0 : *aqt_test_at(in, fx, fy, b);
            }
    for (int64_t i = 0; i < rect.width * rect.height * out->bands; i++) result.samples[i] = NAN;   /* what is not written shows */

    aqt_job job;
    memset(&job, 0, sizeof job);
    job.struct_size = sizeof job;
    job.cancelled = aqt_test_not_cancelled;
    aqt_tile from, to;
    memset(&from, 0, sizeof from);
    memset(&to, 0, sizeof to);
    from.struct_size = to.struct_size = sizeof from;
    from.image = image;
    to.image = plan->output;
    from.rect.x = x0, from.rect.y = y0, from.rect.width = part.width, from.rect.height = part.height;
    to.rect = rect;
    from.data = (unsigned char *)part.samples, to.data = (unsigned char *)result.samples;
    from.band = to.band = sizeof(float);
    from.col = in->bands * from.band, from.row = part.width * from.col;
    to.col = out->bands * to.band, to.row = result.width * to.col;
    const aqt_tile *const tiles[] = {&from, NULL};
    int32_t code = stage->process(self, plan, &job, tiles, &to, err);
    for (int64_t y = 0; !code && y < rect.height; y++)
        memcpy(aqt_test_at(out, rect.x, rect.y + y, 0), aqt_test_at(&result, 0, y, 0), (size_t)(rect.width * out->bands) * sizeof(float));
    free(part.samples);
    free(result.samples);
    return code;
}

/** Runs a stage of this library, in tiles of tile x tile pixels of its output (0: in one). settings: "name=value" texts, then
 *  NULL. Gives AQT_OK and the result in place of the picture in *out, whose samples it frees; or an AQT_E_* after saying on
 *  stderr what was wrong. */
static inline int32_t aqt_test_run(const char *id, const char *const *settings, const aqt_test_picture *in, int64_t tile, aqt_test_picture *out) {
    const aqt_stage *stage = NULL;
    for (const aqt_stage *const *s = aqt_plugin_entry_v1()->stages; *s; s++)
        if (!strcmp((*s)->id, id)) stage = *s;
    if (!stage || stage->kind != AQT_KIND_PIXEL) {
        fprintf(stderr, "there is no pixel stage %s in this library\n", id);
        return AQT_E_UNSUPPORTED;
    }
    aqt_value values[64];
    const aqt_value *pointers[65];
    int count = 0;
    for (; stage->params && stage->params[count]; count++) {
        if (count == 64 || !aqt_test_value(stage->params[count], settings, &values[count])) {
            fprintf(stderr, "%s: no value for the parameter %s\n", id, stage->params[count]->name);
            return AQT_E_PARAM;
        }
        pointers[count] = &values[count];
    }
    pointers[count] = NULL;

    aqt_host host;
    memset(&host, 0, sizeof host);
    host.struct_size = sizeof host;
    host.abi_minor = AQT_ABI_MINOR;
    host.name = "test", host.version = "0";
    host.log = aqt_test_log;
    host.extension = aqt_test_extension;
    aqt_error err;
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    void *self = NULL;
    int32_t code = stage->create(&host, stage, pointers, &self, &err);
    if (!code) {
        aqt_image image;
        memset(&image, 0, sizeof image);
        image.struct_size = sizeof image;
        image.format = AQT_F32;
        image.space = in->bands == 1 ? AQT_SPACE_GREY : in->bands == 3 ? AQT_SPACE_SRGB : AQT_SPACE_DATA;
        image.bands = in->bands, image.width = in->width, image.height = in->height;
        const aqt_image *const images[] = {&image, NULL};
        aqt_plan plan;
        memset(&plan, 0, sizeof plan);
        plan.struct_size = sizeof plan;
        code = stage->plan(self, images, &plan, &err);
        if (!code) {
            int64_t step = tile && !(plan.flags & AQT_PLAN_WHOLE_IMAGE) ? tile : INT64_MAX / 2;
            free(out->samples);
            *out = aqt_test_new(plan.output->width, plan.output->height, plan.output->bands);
            for (int64_t y = 0; !code && y < out->height; y += step)
                for (int64_t x = 0; !code && x < out->width; x += step) {
                    aqt_rect rect = {x, y, out->width - x < step ? out->width - x : step, out->height - y < step ? out->height - y : step};
                    code = aqt_test_tile(stage, self, &plan, &image, in, rect, out, &err);
                }
            stage->plan_free(self, &plan);
        }
        stage->destroy(self);
    }
    if (code) fprintf(stderr, "%s: %s%s%s (%d)\n", id, err.param, err.param[0] ? ": " : "", err.message, (int)code);
    return code;
}

#endif

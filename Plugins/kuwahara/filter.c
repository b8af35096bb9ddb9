/* filter.c - the anisotropic Kuwahara filter.
 *
 *   J. E. Kyprianidis, H. Kang, J. Doellner: Image and Video Abstraction by Anisotropic Kuwahara Filtering. Computer
 *   Graphics Forum 28 (7), 2009.
 *   J. E. Kyprianidis, A. Semmo, H. Kang, J. Doellner: Anisotropic Kuwahara Filtering with Polynomial Weighting
 *   Functions. EG UK Theory and Practice of Computer Graphics, 2010.
 *
 * For every pixel:
 *   1. The smoothed structure tensor gives the direction of the local edge and how clear it is (anisotropy A, 0 to 1).
 *   2. An ellipse along the edge, long where the edge is clear, is divided into eight overlapping sectors.
 *
 *            \  2  /                      each sector: weighted mean m and variance s^2 of the picture in it
 *         3   \   /   1                   result: mean of the m, each weighted with 1 / (1 + (255 s)^q),
 *       -------- + --------> edge         so that flat sectors win and none reaches across an edge
 *         5   /   \   7
 *            /  6  \
 *
 * The eight sectors are the eight lanes of one vector, which is where the speed comes from. Nothing is summed in an order
 * that depends on the rectangle, so any way of cutting the image up gives the same bits.
 */
#include "kuwahara.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 8
typedef float lanes __attribute__((vector_size(SECTORS * sizeof(float))));
typedef int32_t lanes_mask __attribute__((vector_size(SECTORS * sizeof(int32_t))));

/* One build for every x86-64 and one for those with AVX2 and FMA, chosen when the library is loaded: 1.6 times the
 * speed when built with Clang, 8 times with GCC. */
#if defined(__x86_64__) && defined(__linux__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define FAST __attribute__((target_clones("default", "arch=x86-64-v3")))
#endif
#endif
#ifndef FAST
#define FAST
#endif

/* A pixel in the work buffer: always four floats, so that one row of samples is one run of aligned memory. */
#define PIXEL KUW_MAX_BANDS

/* exp(-3.125 t) for t in 0..1: a Gaussian of sigma 0.4 radii, as in the papers, but lowered to end in 0: otherwise a sample
 * that rounding puts just inside or just outside the ellipse would make a visible difference. */
#define FALLOFF_STEPS 1024
#define GAUSS_MAX 32

static int tensor_radius(float sigma) {
    int radius = (int)ceilf(3.0f * sigma);
    return radius > GAUSS_MAX ? GAUSS_MAX : radius;
}

/* Half a pixel more than asked for, since the falloff ends in 0: a radius of 1 still reaches the next pixel. */
static float border(const kuw_settings *s) { return s->radius + 0.5f; }

static int ellipse_reach(const kuw_settings *s) { return (int)ceilf(border(s) * (1.0f + s->elongation)); }

int32_t kuw_reach(const kuw_settings *s) {
    int tensor = tensor_radius(s->smoothing) + 1, ellipse = ellipse_reach(s);
    return tensor > ellipse ? tensor : ellipse;
}

/* ---- the picture with its surroundings ---------------------------------------------------------------------- */

/* Mirrors a coordinate at the first and last pixel, which are not repeated. */
static int64_t mirrored(int64_t i, int64_t size) {
    if (size == 1) return 0;
    int64_t period = 2 * (size - 1);
    i %= period;
    if (i < 0) i += period;
    return i < size ? i : period - i;
}

typedef struct {
    float *pixels;              /* PIXEL floats each                                  */
    int64_t width, height;      /* the rectangle with `halo` pixels on each side      */
    int halo;
} surroundings;

static void copy_surroundings(surroundings *s, const kuw_pixels *in, int bands, int64_t image_width, int64_t image_height,
                              int64_t x, int64_t y) {
    for (int64_t j = 0; j < s->height; j++) {
        const unsigned char *row = in->data + (mirrored(y - s->halo + j, image_height) - in->y0) * in->row;
        float *to = s->pixels + j * s->width * PIXEL;
        for (int64_t i = 0; i < s->width; i++, to += PIXEL) {
            const unsigned char *from = row + (mirrored(x - s->halo + i, image_width) - in->x0) * in->col;
            for (int b = 0; b < PIXEL; b++) {
                to[b] = 0;
                if (b < bands) memcpy(&to[b], from + b * in->band, sizeof(float));
            }
        }
    }
}

/* ---- the structure tensor ------------------------------------------------------------------------------------ */

/* E = fx.fx, F = fx.fy, G = fy.fy, the dot products over the bands; derivatives by Sobel's operator. */
FAST static void tensor_of_row(const surroundings *s, int64_t row, int64_t from, int64_t count, float *e, float *f, float *g) {
    ptrdiff_t below = (ptrdiff_t)s->width * PIXEL;
    const float *p = s->pixels + (row * s->width + from) * PIXEL;
    for (int64_t i = 0; i < count; i++, p += PIXEL) {
        float sum_e = 0, sum_f = 0, sum_g = 0;
        for (int b = 0; b < PIXEL; b++) {
            const float *q = p + b;
            float a = q[-below - PIXEL], c = q[-below + PIXEL], k = q[below - PIXEL], m = q[below + PIXEL];
            float fx = 0.25f * ((c - a) + 2 * (q[PIXEL] - q[-PIXEL]) + (m - k));
            float fy = 0.25f * ((k - a) + 2 * (q[below] - q[-below]) + (m - c));
            sum_e += fx * fx;
            sum_f += fx * fy;
            sum_g += fy * fy;
        }
        e[i] = sum_e;
        f[i] = sum_f;
        g[i] = sum_g;
    }
}

typedef struct {
    float weight[GAUSS_MAX + 1];
    int radius;
} gauss;

static gauss make_gauss(float sigma) {
    gauss result = {.radius = tensor_radius(sigma)};
    float sum = 0;
    for (int i = 0; i <= result.radius; i++) {
        result.weight[i] = sigma > 0 ? expf(-0.5f * (float)(i * i) / (sigma * sigma)) : 1;
        sum += i ? 2 * result.weight[i] : result.weight[i];
    }
    for (int i = 0; i <= result.radius; i++) result.weight[i] /= sum;
    return result;
}

/* to[i] = sum of weight[|k|] * from[i + k * step], for i in 0..<count. */
FAST static void smooth(const gauss *kernel, const float *from, ptrdiff_t step, float *to, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = kernel->weight[0] * from[i];
    for (int k = 1; k <= kernel->radius; k++) {
        float weight = kernel->weight[k];
        const float *before = from - k * step, *after = from + k * step;
        for (int64_t i = 0; i < count; i++) to[i] += weight * (before[i] + after[i]);
    }
}

/* Smoothed E, F, G of one row of the result, from a plane of unsmoothed ones. */
static void smooth_row(const gauss *kernel, float *const plane[3], int64_t plane_width, int64_t row, int64_t width,
                       float *column, float *const smoothed[3]) {
    for (int c = 0; c < 3; c++) {
        smooth(kernel, plane[c] + (row + kernel->radius) * plane_width, (ptrdiff_t)plane_width, column, plane_width);
        smooth(kernel, column + kernel->radius, 1, smoothed[c], width);
    }
}

/* ---- the filter ------------------------------------------------------------------------------------------------ */

typedef struct {
    float radius, elongation, sharpness, zeta, eta;
    int reach;
    float falloff[FALLOFF_STEPS + 2];
    lanes cosine, sine;                 /* the middle direction of each sector */
} tables;

static void make_tables(tables *t, const kuw_settings *s) {
    t->radius = border(s);
    t->elongation = s->elongation;
    t->sharpness = s->sharpness;
    t->reach = ellipse_reach(s);
    for (int i = 0; i < FALLOFF_STEPS + 2; i++)
        t->falloff[i] = i < FALLOFF_STEPS ? expf(-3.125f * (float)i / FALLOFF_STEPS) - expf(-3.125f) : 0;
    for (int k = 0; k < SECTORS; k++) {
        t->cosine[k] = (float)cos(k * 2 * M_PI / SECTORS);
        t->sine[k] = (float)sin(k * 2 * M_PI / SECTORS);
    }
    /* The weight of sector 0 at (u, v) is max(0, u + zeta - eta v^2)^2 (2010, equation 4). zeta is how far sectors overlap
     * at the centre, about one pixel; eta is such that a sector's weight ends at the angle 3 pi / 8 of the border. */
    float end = 3.0f * (float)M_PI / SECTORS;
    t->zeta = 1.0f / s->radius < 0.5f ? 1.0f / s->radius : 0.5f;
    t->eta = (t->zeta + cosf(end)) / (sinf(end) * sinf(end));
}

/* The ellipse of one pixel: (u, v) = (ux x + uy y, vx x + vy y) maps it to the unit circle, u along the edge. */
typedef struct {
    float ux, uy, vx, vy;
} ellipse;

static inline ellipse ellipse_of(const tables *t, float e, float f, float g) {
    float root = sqrtf((e - g) * (e - g) + 4 * f * f);
    float sum = e + g, larger = 0.5f * (sum + root);
    /* Below this, an 8-bit picture's own rounding is all there is to see, and it has no direction. */
    float anisotropy = root / (sum + 1e-5f);
    /* Along the edge: of the two forms of the eigenvector, the one that does not subtract nearly equal numbers. With one form
     * alone, edges near the vertical got directions out of rounding. */
    float tx = e > g ? -f : larger - e, ty = e > g ? larger - g : -f;
    float length = sqrtf(tx * tx + ty * ty);
    if (length > 0) {
        tx /= length;
        ty /= length;
    } else {
        tx = 0;
        ty = 1;
    }
    float stretch = 1 + t->elongation * anisotropy;
    float along = 1 / (t->radius * stretch), across = stretch / t->radius;
    return (ellipse){along * tx, along * ty, -across * ty, across * tx};
}

/* Sums of a pixel's eight sectors. */
typedef struct {
    lanes weight, mean[PIXEL], square[PIXEL];
} sectors;

/* Adds the samples of one row of the ellipse, x from `first` to `last`, to the sectors. Colours are taken relative to
 * the middle pixel: a flat field then gives exact zeros, and variances do not drown in rounding. */
static inline __attribute__((always_inline)) void add_row(const tables *t, ellipse m, const float *middle, const float *row,
                                                          int y, int first, int last, int bands, sectors *sum) {
    for (int x = first; x <= last; x++) {
        float u = m.ux * (float)x + m.uy * (float)y, v = m.vx * (float)x + m.vy * (float)y;
        float distance = u * u + v * v;
        if (distance > 1) distance = 1;
        lanes along = t->cosine * u + t->sine * v, across = t->cosine * v - t->sine * u;
        lanes w = along + t->zeta - t->eta * across * across;
        w = (lanes)((lanes_mask)w & (w > 0.0f));
        w *= w;
        float total = ((w[0] + w[4]) + (w[2] + w[6])) + ((w[1] + w[5]) + (w[3] + w[7]));
        float place = distance * FALLOFF_STEPS;
        int step = (int)place;
        float fraction = place - (float)step;
        float falloff = t->falloff[step] + fraction * (t->falloff[step + 1] - t->falloff[step]);
        w *= falloff / total;
        sum->weight += w;
        const float *pixel = row + (ptrdiff_t)x * PIXEL;
        for (int b = 0; b < bands; b++) {
            float c = pixel[b] - middle[b];
            lanes weighted = w * c;
            sum->mean[b] += weighted;
            sum->square[b] += weighted * c;
        }
    }
}

/* The mean of the sectors' means, each weighted with 1 / (1 + (255 s)^q). */
static inline void combine(const tables *t, const sectors *sum, const float *middle, int bands, float *result) {
    lanes mean[PIXEL], variance = {0};
    for (int b = 0; b < bands; b++) {
        mean[b] = sum->mean[b] / sum->weight;
        variance += sum->square[b] / sum->weight - mean[b] * mean[b];
    }
    float deviation[SECTORS], least = INFINITY;
    for (int k = 0; k < SECTORS; k++) {
        deviation[k] = 255 * sqrtf(variance[k] > 0 ? variance[k] : 0);
        if (deviation[k] < least) least = deviation[k];
    }
    /* Divided by the largest weight, in the form whose powers cannot all overflow: the flattest sector has weight 1. */
    float scale = least > 1 ? least : 1, floor_ = powf(1 / scale, t->sharpness);
    float total = 0, colour[PIXEL] = {0};
    for (int k = 0; k < SECTORS; k++) {
        float weight = 1 / (floor_ + powf(deviation[k] / scale, t->sharpness));
        total += weight;
        for (int b = 0; b < bands; b++) colour[b] += weight * mean[b][k];
    }
    for (int b = 0; b < bands; b++) result[b] = middle[b] + colour[b] / total;
}

static inline __attribute__((always_inline)) void filter_pixel(const tables *t, const float *middle, ptrdiff_t row_floats,
                                                               ellipse m, int bands, float *result) {
    sectors sum;
    memset(&sum, 0, sizeof sum);
    /* The ellipse is a x^2 + 2 b x y + c y^2 <= 1. */
    float a = m.ux * m.ux + m.vx * m.vx, b = m.ux * m.uy + m.vx * m.vy, c = m.uy * m.uy + m.vy * m.vy;
    float determinant = a * c - b * b;
    int height = (int)sqrtf(a / determinant);
    if (height > t->reach) height = t->reach;
    for (int y = -height; y <= height; y++) {
        float inside = a - determinant * (float)(y * y);
        float half = sqrtf(inside > 0 ? inside : 0) / a, centre = -b * (float)y / a;
        int first = (int)ceilf(centre - half), last = (int)floorf(centre + half);
        if (first < -t->reach) first = -t->reach;
        if (last > t->reach) last = t->reach;
        add_row(t, m, middle, middle + y * row_floats, y, first, last, bands, &sum);
    }
    combine(t, &sum, middle, bands, result);
}

FAST static void filter_row(const tables *t, const surroundings *s, int64_t row, int64_t width, float *const tensor[3], int bands,
                            float *result) {
    const float *middle = s->pixels + ((row + s->halo) * s->width + s->halo) * PIXEL;
    ptrdiff_t row_floats = (ptrdiff_t)s->width * PIXEL;
    for (int64_t i = 0; i < width; i++, middle += PIXEL, result += PIXEL) {
        ellipse m = ellipse_of(t, tensor[0][i], tensor[1][i], tensor[2][i]);
        switch (bands) {                /* so that the loop over the bands is unrolled */
        case 1: filter_pixel(t, middle, row_floats, m, 1, result); break;
        case 3: filter_pixel(t, middle, row_floats, m, 3, result); break;
        default: filter_pixel(t, middle, row_floats, m, bands, result); break;
        }
    }
}

/* ---- memory, and the order of the steps ------------------------------------------------------------------------ */

/* Everything that one call needs, in one block. */
typedef struct {
    void *block;
    float *pixels, *plane[3], *column, *smoothed[3], *result;
    tables *tables;
} workspace;

static int allocate(workspace *w, int64_t pixels, int64_t plane, int64_t plane_width, int64_t width) {
    size_t floats[] = {(size_t)pixels * PIXEL, (size_t)plane, (size_t)plane, (size_t)plane, (size_t)plane_width,
                       (size_t)width, (size_t)width, (size_t)width, (size_t)width * PIXEL};
    float **parts[] = {&w->pixels, &w->plane[0], &w->plane[1], &w->plane[2], &w->column,
                       &w->smoothed[0], &w->smoothed[1], &w->smoothed[2], &w->result};
    size_t bytes = (sizeof(tables) + 63) / 64 * 64, count = sizeof floats / sizeof *floats;
    for (size_t i = 0; i < count; i++) bytes += (floats[i] * sizeof(float) + 63) / 64 * 64;
    w->block = aligned_alloc(64, bytes);
    if (!w->block) return -1;
    unsigned char *next = w->block;
    w->tables = (tables *)next;
    next += (sizeof(tables) + 63) / 64 * 64;
    for (size_t i = 0; i < count; i++) {
        *parts[i] = (float *)next;
        next += (floats[i] * sizeof(float) + 63) / 64 * 64;
    }
    return 0;
}

static void write_row(const kuw_pixels *out, int64_t x, int64_t y, int64_t width, int bands, const float *result) {
    for (int64_t i = 0; i < width; i++, result += PIXEL) {
        unsigned char *to = out->data + (y - out->y0) * out->row + (x + i - out->x0) * out->col;
        for (int b = 0; b < bands; b++) memcpy(to + b * out->band, &result[b], sizeof(float));
    }
}

int kuw_filter(const kuw_settings *settings, int64_t image_width, int64_t image_height, int bands, const kuw_pixels *in,
               const kuw_pixels *out, int64_t x, int64_t y, int64_t width, int64_t height,
               int (*cancelled)(const void *), const void *cancelled_with) {
    gauss kernel = make_gauss(settings->smoothing);
    surroundings around = {.halo = kuw_reach(settings)};
    /* Past this, no allocation could succeed, and the products below could overflow. */
    if (width > (int64_t)1 << 28 || height > (int64_t)1 << 28) return -1;
    around.width = width + 2 * around.halo;
    around.height = height + 2 * around.halo;
    int64_t plane_width = width + 2 * kernel.radius, plane_height = height + 2 * kernel.radius;
    workspace w;
    if (around.width > ((int64_t)1 << 40) / around.height) return -1;
    if (allocate(&w, around.width * around.height, plane_width * plane_height, plane_width, width)) return -1;
    around.pixels = w.pixels;
    copy_surroundings(&around, in, bands, image_width, image_height, x, y);
    make_tables(w.tables, settings);
    int margin = around.halo - kernel.radius, result = 0;
    for (int64_t j = 0; j < plane_height; j++) {
        tensor_of_row(&around, margin + j, margin, plane_width, w.plane[0] + j * plane_width, w.plane[1] + j * plane_width,
                      w.plane[2] + j * plane_width);
    }
    for (int64_t j = 0; j < height && !result; j++) {
        if (cancelled && cancelled(cancelled_with)) result = 1;
        smooth_row(&kernel, w.plane, plane_width, j, width, w.column, w.smoothed);
        filter_row(w.tables, &around, j, width, w.smoothed, bands, w.result);
        write_row(out, x, y + j, width, bands, w.result);
    }
    free(w.block);
    return result;
}

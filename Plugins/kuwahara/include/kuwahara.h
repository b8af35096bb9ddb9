/* kuwahara.h - the anisotropic Kuwahara filter on its own, without any plug-in interface. */
#ifndef KUWAHARA_H
#define KUWAHARA_H
#include <stddef.h>
#include <stdint.h>

/** The most bands that the filter takes. */
#define KUW_MAX_BANDS 4

/** What the filter does. All lengths are pixels. */
typedef struct kuw_settings {
    float radius;       /* of the neighbourhood where nothing has a direction                            */
    float sharpness;    /* q: how much the flattest sector is preferred                                  */
    float elongation;   /* 0: circles; e: ellipses up to (1 + e) radius long and radius / (1 + e) wide   */
    float smoothing;    /* sigma of the Gaussian that the structure tensor is smoothed with              */
} kuw_settings;

/** Pixels of a rectangle of an image: sample (x, y, b) is at data + (y - y0) * row + (x - x0) * col + b * band bytes. */
typedef struct kuw_pixels {
    unsigned char *data;
    ptrdiff_t row, col, band;
    int64_t x0, y0;
} kuw_pixels;

/** How far from a pixel its result looks, in any direction. */
int32_t kuw_reach(const kuw_settings *);

/** Computes the rectangle (x, y, width, height) of an image of image_width x image_height pixels and 1 to KUW_MAX_BANDS
 *  float bands. `in` must hold that rectangle and kuw_reach() pixels around it, as far as they lie in the image; past the
 *  image's edges the filter mirrors it. The result of a pixel depends on the image alone, never on the rectangle.
 *  cancelled (may be NULL) is asked once a row. Returns 0, 1 if it was cancelled, -1 if there is no memory. */
int kuw_filter(const kuw_settings *, int64_t image_width, int64_t image_height, int bands, const kuw_pixels *in,
               const kuw_pixels *out, int64_t x, int64_t y, int64_t width, int64_t height,
               int (*cancelled)(const void *), const void *cancelled_with);

#endif

#include "samples.h"

/* Twice the speed of plain x86-64 and more, with the wider vectors that most processors have. */
#if defined(__x86_64__) && defined(__linux__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define FAST __attribute__((target_clones("default", "arch=x86-64-v3")))
#endif
#endif
#ifndef FAST
#define FAST
#endif

FAST void aqt_floats_of_bytes(const uint8_t *restrict from, float *restrict to, size_t count, float scale) {
    for (size_t i = 0; i < count; i++) to[i] = scale * (float)from[i];
}

FAST void aqt_floats_of_words(const uint16_t *restrict from, float *restrict to, size_t count, float scale) {
    for (size_t i = 0; i < count; i++) to[i] = scale * (float)from[i];
}

FAST void aqt_floats_of_floats(const float *restrict from, float *restrict to, size_t count, float scale) {
    for (size_t i = 0; i < count; i++) to[i] = scale * from[i];
}

FAST int aqt_scale_floats(float *samples, size_t count, float factor) {
    /* Every bit of the exponent is set in what is not finite. A sum of floats would be added up in its order, one by one. */
    int32_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        union { float number; uint32_t bits; } sample = {samples[i]};
        wrong |= -(int32_t)((sample.bits & 0x7f800000u) == 0x7f800000u);
        samples[i] = factor * sample.number;
    }
    return wrong != 0;
}

FAST void aqt_bytes_of_floats(const float *restrict from, uint8_t *restrict to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float raised = from[i] + 0.5f;
        raised = raised > 0 ? raised : 0;
        raised = raised < 255 ? raised : 255;
        to[i] = (uint8_t)(int32_t)raised;
    }
}

FAST void aqt_words_of_floats(const float *restrict from, uint16_t *restrict to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float raised = from[i] + 0.5f;
        raised = raised > 0 ? raised : 0;
        raised = raised < 65535 ? raised : 65535;
        to[i] = (uint16_t)(int32_t)raised;
    }
}

/* All bands at once where their number is known, so that the compiler makes shuffles of it; one by one elsewhere. */
#define MOVES(name, type)                                                                                             \
    FAST static void split_##name(const type *restrict from, type *restrict to, size_t count, int bands, size_t band) { \
        type *restrict second = to + band, *restrict third = second + band;                                           \
        if (bands == 3)                                                                                               \
            for (size_t i = 0; i < count; i++) to[i] = from[3 * i], second[i] = from[3 * i + 1], third[i] = from[3 * i + 2]; \
        else                                                                                                          \
            for (int b = 0; b < bands; b++)                                                                           \
                for (size_t i = 0; i < count; i++) to[(size_t)b * band + i] = from[i * (size_t)bands + (size_t)b];    \
    }                                                                                                                 \
    FAST static void join_##name(const type *restrict from, type *restrict to, size_t count, int bands, size_t band) { \
        const type *restrict second = from + band, *restrict third = second + band;                                   \
        if (bands == 3)                                                                                               \
            for (size_t i = 0; i < count; i++) to[3 * i] = from[i], to[3 * i + 1] = second[i], to[3 * i + 2] = third[i]; \
        else                                                                                                          \
            for (int b = 0; b < bands; b++)                                                                           \
                for (size_t i = 0; i < count; i++) to[i * (size_t)bands + (size_t)b] = from[(size_t)b * band + i];    \
    }
MOVES(bytes, uint8_t)
MOVES(words, uint16_t)
MOVES(longs, uint32_t)

void aqt_split(const void *pixels, void *rows, size_t count, int bands, size_t band, int size) {
    if (size == 1) split_bytes(pixels, rows, count, bands, band);
    else if (size == 2) split_words(pixels, rows, count, bands, band / 2);
    else split_longs(pixels, rows, count, bands, band / 4);
}

void aqt_join(const void *rows, void *pixels, size_t count, int bands, size_t band, int size) {
    if (size == 1) join_bytes(rows, pixels, count, bands, band);
    else if (size == 2) join_words(rows, pixels, count, bands, band / 2);
    else join_longs(rows, pixels, count, bands, band / 4);
}

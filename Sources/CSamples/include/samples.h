/* samples.h - rows of samples from one format and layout to another: loops that are built for several processors, of which the
 * best is taken when the program starts. Pointers are aligned to their samples; source and target do not overlap. */
#ifndef AQUATINT_SAMPLES_H
#define AQUATINT_SAMPLES_H
#include <stddef.h>
#include <stdint.h>

/* to[i] = scale * from[i]. */
void aqt_floats_of_bytes(const uint8_t *from, float *to, size_t count, float scale);
void aqt_floats_of_words(const uint16_t *from, float *to, size_t count, float scale);
void aqt_floats_of_floats(const float *from, float *to, size_t count, float scale);

/* samples[i] *= factor. Returns 1 where one of them was not a number or infinite before, and 0 elsewhere. */
int aqt_scale_floats(float *samples, size_t count, float factor);

/* from[i] + 0.5 cut off to an integer and clipped; what is not a number becomes 0. */
void aqt_bytes_of_floats(const float *from, uint8_t *to, size_t count);
void aqt_words_of_floats(const float *from, uint16_t *to, size_t count);

/* Pixels of `bands` samples of 1, 2 or 4 bytes to a row of samples for each band, `band` bytes from one to the next, and back. */
void aqt_split(const void *pixels, void *rows, size_t count, int bands, size_t band, int size);
void aqt_join(const void *rows, void *pixels, size_t count, int bands, size_t band, int size);
#endif

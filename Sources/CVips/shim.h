/* libvips as Swift sees it: its own headers, and one-line functions for what Swift's importer leaves out. */
#ifndef AQUATINT_CVIPS_SHIM_H
#define AQUATINT_CVIPS_SHIM_H

#include <malloc.h>
#include <vips/vips.h>

/* malloc.h is not in Swift's Glibc module. */
static inline void cvips_return_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 1 << 20); }

/* vips_error() is variadic; the text goes through "%s", so a percent sign in it is a percent sign. */
static inline void cvips_error(const char *domain, const char *text) { vips_error(domain, "%s", text); }

/* G_TYPE_* are casts of shifted constants, which the importer does not evaluate. */
static inline GType cvips_type_boolean(void) { return G_TYPE_BOOLEAN; }
static inline GType cvips_type_int(void) { return G_TYPE_INT; }
static inline GType cvips_type_int64(void) { return G_TYPE_INT64; }
static inline GType cvips_type_uint64(void) { return G_TYPE_UINT64; }
static inline GType cvips_type_double(void) { return G_TYPE_DOUBLE; }
static inline GType cvips_type_string(void) { return G_TYPE_STRING; }
static inline GType cvips_type_enum(void) { return G_TYPE_ENUM; }
static inline GType cvips_type_flags(void) { return G_TYPE_FLAGS; }

/* G_CALLBACK() is a function-pointer cast in a macro. */
static inline gulong cvips_connect_eval(VipsImage *image, void (*eval)(VipsImage *, VipsProgress *, void *),
                                        void *data, GClosureNotify release) {
    return g_signal_connect_data(image, "eval", G_CALLBACK(eval), data, release, (GConnectFlags) 0);
}

/* What a custom target does: three of libvips' signals, whose handlers have no declared type. */
static inline void cvips_connect_target(VipsTargetCustom *target, gint64 (*write)(VipsTargetCustom *, const void *, gint64, void *),
                                        gint64 (*read)(VipsTargetCustom *, void *, gint64, void *),
                                        gint64 (*seek)(VipsTargetCustom *, gint64, int, void *), void *data) {
    g_signal_connect_data(target, "write", G_CALLBACK(write), data, NULL, (GConnectFlags) 0);
    g_signal_connect_data(target, "read", G_CALLBACK(read), data, NULL, (GConnectFlags) 0);
    g_signal_connect_data(target, "seek", G_CALLBACK(seek), data, NULL, (GConnectFlags) 0);
}

#endif

/* aquatint_plugin.h - the plug-in interface of Aquatint, ABI major 1. Plain C11, 64-bit Linux, no dependencies.
 *
 * A plug-in is one shared library (.so) that adds stages to Aquatint's pipelines. A stage is either
 *   PIXEL    a function called on tiles of the picture (aqt_stage.process), or
 *   NETWORK  an ONNX graph that the host tiles and runs (aqt_stage.network).
 * This file is all that an author needs; Plugins/README.md is the way in.
 *
 * GENERAL RULES
 *  - The library exports exactly one symbol, aqt_plugin_entry_v1 (build with hidden visibility).
 *  - Every struct that crosses the boundary starts with struct_size = the bytes its owner allocated. A reader uses
 *    only fields inside struct_size and takes missing ones as 0. New fields go at the end; nothing is reordered or
 *    removed within a major. Both sides accept a larger struct and ignore its tail, so a newer plug-in loads in an
 *    older host. In a struct to be filled (aqt_error, aqt_plan, aqt_network) the host sets struct_size and zeroes the
 *    rest; the callee never writes past struct_size. Lists are arrays of POINTERS and no growing struct is embedded
 *    in another, so that each may grow alone. aqt_rect is frozen. Never copy a boundary struct by assignment: zero
 *    yours and copy the smaller of the two sizes.
 *  - Units: lengths are pixels of the image named, strides are bytes, times are seconds. Strings are UTF-8.
 *  - Ownership: whoever makes memory frees it. Const data reachable from the entry lives until process exit (the
 *    host never dlcloses). Pointers passed into a call are valid only during it, unless stated.
 *  - Errors: functions return AQT_OK or a negative AQT_E_*, and fill *err (host memory, never NULL).
 *  - Forbidden in any call: C++ exceptions or longjmp across the boundary, exit/abort, fork, signal handlers,
 *    writing to stdout, changing locale, environment, working directory or floating-point mode.
 *  - Threads: [main] one thread, never at the same time as any other call into the library; [any] any thread,
 *    concurrently with other calls; [job] as the stage's thread model says.
 *
 * LIFE OF A STAGE
 *      entry -> init (once) -> create -> plan -> process, process, ... -> plan_free -> destroy
 *                                           \-> network (once per plan; the host does the rest)
 */
#ifndef AQUATINT_PLUGIN_H
#define AQUATINT_PLUGIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define AQT_ABI_MAJOR 1u
#define AQT_ABI_MINOR 0u
#define AQT_ENTRY_NAME "aqt_plugin_entry_v1"
#if defined(__GNUC__)
#define AQT_EXPORT __attribute__((visibility("default")))
#else
#define AQT_EXPORT
#endif

/** Results. PARAM: a value that create() cannot use. GEOMETRY: an image size or band count that plan() cannot use. */
enum { AQT_OK = 0, AQT_E_PARAM = -1, AQT_E_GEOMETRY = -2, AQT_E_MEMORY = -3, AQT_E_IO = -4,
       AQT_E_CANCELLED = -5, AQT_E_UNSUPPORTED = -6, AQT_E_INTERNAL = -7 };
enum { AQT_LOG_DEBUG = 0, AQT_LOG_INFO = 1, AQT_LOG_WARN = 2 };

/** Filled by the callee on failure. param names the parameter at fault, or is empty. Both texts end with a 0 byte. */
typedef struct aqt_error { uint32_t struct_size; int32_t code; char param[64]; char message[440]; } aqt_error;

/* ---- images ------------------------------------------------------------------------------------------------ */
enum { AQT_U8 = 1, AQT_U16 = 2, AQT_F16 = 3, AQT_F32 = 4 };            /* sample formats            */
enum { AQT_INTERLEAVED = 1, AQT_PLANAR = 2 };                          /* memory layout             */
/** Colour spaces. DATA: numbers that are no picture (feature maps, measurements): never scaled, never clipped. */
enum { AQT_SPACE_ANY = 0, AQT_SPACE_SRGB = 1, AQT_SPACE_GREY = 2, AQT_SPACE_LINEAR = 3, AQT_SPACE_LAB = 4,
       AQT_SPACE_DATA = 5 };

/** One whole image. Full scale is 255 for U8, 65535 for U16 and 1.0 for F16/F32 (NOT 255). LAB is F32 only, in its
 *  usual L*a*b* units. Float samples may lie outside 0..1. Alpha, where present, is the last band, straight. */
typedef struct aqt_image {
    uint32_t struct_size; int32_t format, space, bands, has_alpha, reserved;
    int64_t  width, height;
} aqt_image;

typedef struct aqt_rect { int64_t x, y, width, height; } aqt_rect;

/** Pixels of one rectangle. Sample (x,y,b) is at data + (y-rect.y)*row + (x-rect.x)*col + b*band (bytes). Strides may
 *  exceed the packed size. INTERLEAVED has band == sample size; PLANAR has col == sample size. data is aligned to the
 *  sample size. Bytes outside rect must not be touched. */
typedef struct aqt_tile {
    uint32_t struct_size, reserved;
    const aqt_image *image;             /* the whole image the rectangle belongs to                          */
    aqt_rect rect;                      /* may reach past the image where plan.edge is not CLIP              */
    unsigned char *data;                /* read-only for inputs; for the output every sample must be written */
    ptrdiff_t row, col, band;
} aqt_tile;

/* ---- parameters -------------------------------------------------------------------------------------------- */
enum { AQT_P_BOOL = 1, AQT_P_INT = 2, AQT_P_FLOAT = 3, AQT_P_STRING = 4, AQT_P_ENUM = 5, AQT_P_FILE = 6,
       AQT_P_COLOUR = 7 /* floats 0..1 */, AQT_P_INT_LIST = 8, AQT_P_FLOAT_LIST = 9,
       AQT_P_JSON = 10 /* any YAML value, handed over as JSON text */ };
enum { AQT_PF_REQUIRED = 1, AQT_PF_DEPRECATED = 2 };

/** Scalars: BOOL, INT and ENUM (its index) in i; FLOAT in f; STRING, FILE (absolute path) and JSON in s. Lists:
 *  items and count (COLOUR: float_items). A STRING, FILE or JSON that was not given and has no default is NULL. */
typedef struct aqt_value {
    uint32_t struct_size; int32_t type; int64_t i; double f; const char *s;
    const int64_t *int_items; const double *float_items; uint64_t count;
} aqt_value;

typedef struct aqt_param {
    uint32_t struct_size; int32_t type;
    uint32_t flags; uint32_t has_range;         /* has_range 1: min..max inclusive bounds each number         */
    const char *name;                           /* [a-z][a-z0-9_]*, unique in the stage, never renamed        */
    const char *doc;                            /* one sentence                                               */
    const char *unit;                           /* "px", "sigma", "%", ... or NULL                            */
    double min, max;
    const char *const *choices;                 /* ENUM: NULL-terminated; append only                         */
    const aqt_value *fallback;                  /* the default; NULL: REQUIRED, or "not given" (see aqt_value;
                                                   a number without a default is an error, an empty list is not) */
    uint64_t min_count, max_count;              /* lists; max_count 0: no limit                               */
} aqt_param;

/* ---- geometry ---------------------------------------------------------------------------------------------- */
enum { AQT_EDGE_CLIP = 0,      /* tiles are clipped at the image; the stage treats that side as the true edge */
       AQT_EDGE_REPLICATE = 1, AQT_EDGE_REFLECT = 2 /* edge pixel not repeated */, AQT_EDGE_ZERO = 3 };
                                 /* 1..3: the host extends the image, so every input tile has its whole halo  */
enum { AQT_PLAN_WHOLE_IMAGE = 1,   /* one call, output rect = whole image: no tiling is correct              */
       AQT_PLAN_DERIVE = 2,        /* NETWORK only: the host derives size, scale, halo and alignment from the
                                      graph, or runs it whole; output and reach may be NULL. With
                                      WHOLE_IMAGE: runs it whole, and derives the size only                  */
       AQT_PLAN_APPROXIMATE = 4 }; /* halo is a judgement, not an exact bound: host warns and records it     */

/** How one input maps to the output. Output pixel (X,Y) reads only input pixels x with
 *  floor(X*den_x/num_x) - left <= x <= floor(X*den_x/num_x) + right, y likewise. Same-size: num = den = 1. */
typedef struct aqt_reach { uint32_t struct_size, reserved;
    int32_t num_x, den_x, num_y, den_y;         /* scale, output : input                                      */
    int32_t left, right, top, bottom;           /* halo, input pixels                                         */
} aqt_reach;

/** The answer to plan(). state is opaque to the host. */
typedef struct aqt_plan {
    uint32_t struct_size, flags;                /* AQT_PLAN_*                                                 */
    const aqt_image *output;                    /* size = ceil(input * num / den) for every input             */
    const aqt_reach *const *reach;              /* one per input, in order; both valid until plan_free        */
    int32_t edge;                               /* AQT_EDGE_*                                                 */
    int32_t layout;                             /* wanted memory layout of all tiles; 0: INTERLEAVED          */
    int32_t align_x, align_y;                   /* tile origins are multiples, input 0 pixels; 0 or 1: any    */
    int32_t ragged;                             /* 1: the last tile of a row or column may be smaller than the
                                                   multiple. 0: an image off the multiple is first extended right
                                                   and bottom (by edge; CLIP: REFLECT), the output is cropped */
    int32_t reserved;
    int32_t tile_w, tile_h;                     /* preferred input tile incl. halo; 0: host chooses           */
    uint64_t scratch_bytes;                     /* per running call, for the largest tile; 0: unknown         */
    void *state;                                /* immutable after plan(); shared by concurrent process calls */
} aqt_plan;

/* ---- networks ---------------------------------------------------------------------------------------------- */
enum { AQT_NET_NHWC = 1,            /* the graph's picture tensors are N x H x W x C; otherwise N x C x H x W   */
       AQT_NET_BGR = 2,             /* bands of the input, and of a three-band output, are in reverse order     */
       AQT_NET_KEEP_SIZE = 4,       /* the output has the size that the graph gives (PyTorch's). Unset: a graph of
                                       valid convolutions gets a reflected border, so that the output is exactly
                                       scale x input                                                            */
       AQT_NET_DERIVE = 8,          /* what is left open here the host takes from the graph, where that proves it:
                                       the layout (neither NHWC nor NCHW set), the picture's range (in_scale and
                                       in_bias NULL), the result's range. A parameter that the user gives wins  */
       AQT_NET_NCHW = 16 };         /* with AQT_NET_DERIVE: N x C x H x W, whatever the extents look like        */

/** One extra constant input of the graph (a noise level, a style vector). F32; the host converts to the graph's type. */
typedef struct aqt_net_input { uint32_t struct_size; uint32_t rank; const char *name; const int64_t *dims;
    const float *data; } aqt_net_input;

/** An ONNX model, handed over by network(). With v a picture's sample at full scale 1.0, and [a, b] the stage's
 *  `range` parameter, the graph is fed in_scale[c] * (a + v * (b - a)) + in_bias[c]; its output y becomes
 *  (y - a') / (b' - a') with [a', b'] the `output_range`. DATA images skip the two ranges. N is 1 or dynamic; H and W
 *  are dynamic, or fixed and then reshaped by the host where the graph allows it.
 *
 *  Parameters that the host gives to every NETWORK stage, and handles itself: range, output_range, tiling, precision,
 *  strength. A stage may declare one of them, with the same type, to give it another default; it never acts on it.  */
typedef struct aqt_network {
    uint32_t struct_size, flags;                /* AQT_NET_*                                                  */
    const void *bytes; uint64_t size;           /* serialized ModelProto, no external data; there, and the
                                                   same, until plan_free                                      */
    const char *key;                            /* within an instance equal keys mean equal bytes; NULL: the
                                                   host hashes                                                */
    const char *output_name;                    /* NULL: the only output                                      */
    const char *const *input_names;             /* one per stage input, NULL-terminated; NULL: the only one without
                                                   an initializer or an extra                                 */
    const aqt_net_input *const *extra;          /* NULL-terminated, or NULL                                   */
    const float *in_scale, *in_bias;            /* in_bands numbers each, or NULL: 1 and 0; until plan_free   */
    int32_t in_bands;                           /* how many; 1 applies to every band                          */
    int32_t fixed_width, fixed_height;          /* > 0: the picture is scaled to this size for the graph and the
                                                   result scaled back to the picture's (masks)                */
    int32_t reserved;
} aqt_network;

/* ---- host -------------------------------------------------------------------------------------------------- */
/** Lives until process exit. All functions [any]. Use no field beyond struct_size. */
typedef struct aqt_host {
    uint32_t struct_size, abi_minor;
    const char *name, *version;
    void (*log)(const struct aqt_host *, int32_t level, const char *message);    /* message is copied         */
    const void *(*extension)(const struct aqt_host *, const char *id);  /* "org.example.thing/1" or NULL      */
} aqt_host;

/** One image being worked on; valid during the call that receives it. Poll at least every 50 ms and return
 *  AQT_E_CANCELLED once it says so: the image was given up (Ctrl-C, a time limit). [any] */
typedef struct aqt_job {
    uint32_t struct_size, reserved;
    int32_t (*cancelled)(const struct aqt_job *);
} aqt_job;

/* ---- stage ------------------------------------------------------------------------------------------------- */
enum { AQT_KIND_PIXEL = 1, AQT_KIND_NETWORK = 2 };
enum { AQT_THREADS_LIBRARY = 1,   /* one process() at a time in the whole library                             */
       AQT_THREADS_INSTANCE = 2,  /* one at a time per instance                                               */
       AQT_THREADS_FREE = 3 };    /* any number at a time                                                     */
enum { AQT_F_ALPHA = 1,           /* takes alpha as a band; otherwise the host splits it off and scales it    */
       AQT_F_IMPURE = 2 };        /* result depends on more than inputs and parameters: never cached          */

/** One named image input. formats and spaces are bit sets: 1u << AQT_F32 and so on; the host converts to a member,
 *  keeping the precision where it can. 0: any. max_bands counts colour bands, 0: no limit. */
typedef struct aqt_input { uint32_t struct_size, optional; const char *name, *doc;
    uint32_t formats, spaces; int32_t min_bands, max_bands; } aqt_input;

/** A stage type. Const data, readable without calling any function of it: that is what a scan does. */
typedef struct aqt_stage {
    uint32_t struct_size; int32_t kind, threads; uint32_t flags;
    const char *id;                             /* "org.example.soften"; the YAML name                        */
    const char *version, *doc, *licence;        /* doc: the first sentence is the summary                     */
    const aqt_input *const *inputs;             /* NULL-terminated; input 0 is the running image              */
    const aqt_param *const *params;             /* NULL-terminated                                            */

    /** [any] New instance. stage: this very descriptor, so that one function can serve several stages. values: one per
     *  param in order, validated, defaults filled in; copy what is kept. */
    int32_t (*create)(const aqt_host *, const struct aqt_stage *stage, const aqt_value *const *values, void **self,
                      aqt_error *err);
    /** [any] After every plan of it was freed. */
    void (*destroy)(void *self);
    /** [any] Once per image size. inputs: one per declared input, NULL where an optional one is absent. */
    int32_t (*plan)(void *self, const aqt_image *const *inputs, aqt_plan *out, aqt_error *err);
    void (*plan_free)(void *self, aqt_plan *);
    /** PIXEL. [job] Compute out->rect. Input tiles hold what reach asks for that rect, clipped by EDGE_CLIP. The result
     *  must not depend on how the image is cut up. May be called twice for one rect, and in any order. */
    int32_t (*process)(void *self, const aqt_plan *, const aqt_job *, const aqt_tile *const *inputs,
                       const aqt_tile *out, aqt_error *err);
    /** NETWORK. [any] Once per plan, process is NULL. The host tiles, fuses with neighbours and runs it. */
    int32_t (*network)(void *self, const aqt_plan *, aqt_network *out, aqt_error *err);
    const void *(*extension)(const char *id);   /* [any] may be NULL                                          */
} aqt_stage;

typedef struct aqt_plugin {
    uint32_t struct_size, abi_minor;            /* AQT_ABI_MINOR it was built with                            */
    const char *name, *version, *vendor, *url;
    const aqt_stage *const *stages;             /* NULL-terminated                                            */
    /** [main] Before the first create; NULL: nothing to do. Not called by a scan. Called at most once. */
    int32_t (*init)(const aqt_host *, aqt_error *err);
} aqt_plugin;

/** The one exported symbol. [main] No side effects: no threads, files, devices. Returns NULL only on a broken build. */
AQT_EXPORT const aqt_plugin *aqt_plugin_entry_v1(void);
#ifdef __cplusplus
}
#endif
#endif

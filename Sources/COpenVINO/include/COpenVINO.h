// OpenVINO's C API, opened at run time.
//
// Nothing of OpenVINO is needed to build this: the few types that cross its C boundary are declared here, as they are in the headers of OpenVINO 2026.4.1
// (openvino/c/ov_common.h, ov_core.h, ov_model.h, ov_node.h, ov_shape.h, ov_partial_shape.h, ov_tensor.h, ov_compiled_model.h, ov_infer_request.h),
// and the functions are looked up by name in a library opened with dlopen. A program that never calls `cov_open` never loads the engine.

#ifndef COPENVINO_H
#define COPENVINO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct ov_core ov_core_t;
typedef struct ov_model ov_model_t;
typedef struct ov_compiled_model ov_compiled_model_t;
typedef struct ov_infer_request ov_infer_request_t;
typedef struct ov_tensor ov_tensor_t;
typedef struct ov_output_const_port ov_output_const_port_t;

/// `ov_status_e`: 0 is success; the negative values are listed in ov_common.h and named by `ov_get_error_info`.
typedef int cov_status;
enum {
    COV_OK = 0,
};

/// `ov_element_type_e`. The numbers changed when 2025.0 dropped UNDEFINED from the front and again when later releases added narrow types in the middle;
/// `Inference` therefore checks them against the sizes of real tensors before it uses a library (`OpenVINO.checkElementTypes`).
typedef unsigned int cov_element_type;
enum {
    COV_DYNAMIC = 0, COV_BOOLEAN = 1, COV_BF16 = 2, COV_F16 = 3, COV_F32 = 4, COV_F64 = 5,
    COV_I8 = 7, COV_I16 = 8, COV_I32 = 9, COV_I64 = 10,
    COV_U8 = 16, COV_U16 = 17, COV_U32 = 18, COV_U64 = 19,
};

typedef struct ov_shape {
    int64_t rank;
    int64_t *_Nullable dims;
} ov_shape_t;

/// Inclusive limits; `max` is -1 where there is none.
typedef struct ov_dimension {
    int64_t min;
    int64_t max;
} ov_dimension_t;

typedef struct ov_partial_shape {
    ov_dimension_t rank;
    ov_dimension_t *_Nullable dims;
} ov_partial_shape_t;

typedef struct ov_version {
    const char *_Nullable buildNumber;
    const char *_Nullable description;
} ov_version_t;

typedef struct ov_available_devices {
    char *_Nullable *_Nullable devices;
    size_t size;
} ov_available_devices_t;

/// The functions of the C API that are used here: X(result, name, parameters). One list declares the table and fills it.
#define COV_FUNCTIONS(X) \
    X(cov_status, ov_get_openvino_version, (ov_version_t *version)) \
    X(void, ov_version_free, (ov_version_t *version)) \
    X(const char *_Nullable, ov_get_error_info, (cov_status status)) \
    X(const char *_Nullable, ov_get_last_err_msg, (void)) \
    X(void, ov_free, (const char *_Nullable content)) \
    X(cov_status, ov_core_create, (ov_core_t *_Nullable *_Nonnull core)) \
    X(void, ov_core_free, (ov_core_t *core)) \
    X(cov_status, ov_core_get_available_devices, (const ov_core_t *core, ov_available_devices_t *devices)) \
    X(void, ov_available_devices_free, (ov_available_devices_t *devices)) \
    X(cov_status, ov_core_get_property, (const ov_core_t *core, const char *device, const char *key, char *_Nullable *_Nonnull value)) \
    X(cov_status, ov_core_read_model_from_memory_buffer, (const ov_core_t *core, const char *model, size_t size, \
                                                          const ov_tensor_t *_Nullable weights, ov_model_t *_Nullable *_Nonnull result)) \
    X(cov_status, ov_core_compile_model, (const ov_core_t *core, const ov_model_t *model, const char *device, size_t property_args_size, \
                                          ov_compiled_model_t *_Nullable *_Nonnull result, ...)) \
    X(void, ov_model_free, (ov_model_t *model)) \
    X(cov_status, ov_model_inputs_size, (const ov_model_t *model, size_t *size)) \
    X(cov_status, ov_model_outputs_size, (const ov_model_t *model, size_t *size)) \
    X(cov_status, ov_model_const_input_by_index, (const ov_model_t *model, size_t index, ov_output_const_port_t *_Nullable *_Nonnull port)) \
    X(cov_status, ov_model_const_output_by_index, (const ov_model_t *model, size_t index, ov_output_const_port_t *_Nullable *_Nonnull port)) \
    X(cov_status, ov_model_reshape, (const ov_model_t *model, const char *_Nullable *_Nonnull names, const ov_partial_shape_t *shapes, size_t count)) \
    X(cov_status, ov_port_get_any_name, (const ov_output_const_port_t *port, char *_Nullable *_Nonnull name)) \
    X(cov_status, ov_port_get_partial_shape, (const ov_output_const_port_t *port, ov_partial_shape_t *shape)) \
    X(cov_status, ov_port_get_element_type, (const ov_output_const_port_t *port, cov_element_type *type)) \
    X(void, ov_output_const_port_free, (ov_output_const_port_t *port)) \
    X(cov_status, ov_partial_shape_create_static, (int64_t rank, const int64_t *_Nullable dims, ov_partial_shape_t *shape)) \
    X(void, ov_partial_shape_free, (ov_partial_shape_t *shape)) \
    X(cov_status, ov_tensor_create, (cov_element_type type, ov_shape_t shape, ov_tensor_t *_Nullable *_Nonnull tensor)) \
    X(cov_status, ov_tensor_get_shape, (const ov_tensor_t *tensor, ov_shape_t *shape)) \
    X(cov_status, ov_shape_free, (ov_shape_t *shape)) \
    X(cov_status, ov_tensor_get_byte_size, (const ov_tensor_t *tensor, size_t *size)) \
    X(cov_status, ov_tensor_data, (const ov_tensor_t *tensor, void *_Nullable *_Nonnull data)) \
    X(void, ov_tensor_free, (ov_tensor_t *tensor)) \
    X(void, ov_compiled_model_free, (ov_compiled_model_t *model)) \
    X(cov_status, ov_compiled_model_get_property, (const ov_compiled_model_t *model, const char *key, char *_Nullable *_Nonnull value)) \
    X(cov_status, ov_compiled_model_create_infer_request, (const ov_compiled_model_t *model, ov_infer_request_t *_Nullable *_Nonnull request)) \
    X(cov_status, ov_infer_request_get_input_tensor_by_index, (const ov_infer_request_t *request, size_t index, ov_tensor_t *_Nullable *_Nonnull tensor)) \
    X(cov_status, ov_infer_request_get_output_tensor_by_index, (const ov_infer_request_t *request, size_t index, ov_tensor_t *_Nullable *_Nonnull tensor)) \
    X(cov_status, ov_infer_request_infer, (ov_infer_request_t *request)) \
    X(void, ov_infer_request_free, (ov_infer_request_t *request))

/// The C API as a table: every pointer is filled. Swift cannot call the variadic one; `cov_compile_model` does.
typedef struct cov_api {
#define COV_MEMBER(result, name, parameters) result (*_Nonnull name) parameters;
    COV_FUNCTIONS(COV_MEMBER)
#undef COV_MEMBER
} cov_api;

/// Opens the library at `path` (an absolute path, or a bare name for the system's search) and fills a table.
///
/// Returns NULL on failure, with the reason (the loader's own text, or the name of the missing function) in `reason`, cut to `capacity` bytes with its NUL.
/// The library stays loaded and the table stays valid until the process ends: the engine's threads and static objects do not survive being unloaded.
const cov_api *_Nullable cov_open(const char *path, char *reason, size_t capacity);

/// How many properties `cov_compile_model` can pass.
#define COV_MAXIMUM_PROPERTIES 8

/// `ov_core_compile_model` with `count` (at most COV_MAXIMUM_PROPERTIES) properties: `keys[i]` = `values[i]`.
/// Exists because Swift cannot call variadic C functions.
cov_status cov_compile_model(const cov_api *api, const ov_core_t *core, const ov_model_t *model, const char *device,
                             const char *_Nullable const *_Nonnull keys, const char *_Nullable const *_Nonnull values, size_t count,
                             ov_compiled_model_t *_Nullable *_Nonnull result);

/// The file that this code was linked into, as the loader knows it: the program, or the library or test bundle that a program has loaded. NULL if unknown.
const char *_Nullable cov_image_path(void);

#pragma clang assume_nonnull end

#endif

// dladdr is a GNU extension.
#define _GNU_SOURCE

#include "COpenVINO.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// `ov_status_e` has no value for a misuse of the wrapper itself; this is its INVALID_C_PARAM.
static const cov_status invalid_parameter = -14;

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define COV_ENTRY(result, name, parameters) {#name, offsetof(cov_api, name)},
    COV_FUNCTIONS(COV_ENTRY)
#undef COV_ENTRY
};

const cov_api *cov_open(const char *path, char *reason, size_t capacity) {
    // The library's own dependencies lie beside it and are found by its RPATH ($ORIGIN). RTLD_LOCAL keeps its TBB and C++ symbols out of the way of libvips'.
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *text = dlerror();
        snprintf(reason, capacity, "%s", text ? text : "the loader gave no reason");
        return NULL;
    }
    cov_api *api = calloc(1, sizeof *api);
    if (!api) {
        snprintf(reason, capacity, "out of memory");
        dlclose(library);
        return NULL;
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *symbol = dlsym(library, functions[i].name);
        if (!symbol) {
            snprintf(reason, capacity, "it has no function %s", functions[i].name);
            free(api);
            dlclose(library);
            return NULL;
        }
        memcpy((char *)api + functions[i].offset, &symbol, sizeof symbol);
    }
    return api;
}

cov_status cov_compile_model(const cov_api *api, const ov_core_t *core, const ov_model_t *model, const char *device,
                             const char *const *keys, const char *const *values, size_t count, ov_compiled_model_t **result) {
    if (count > COV_MAXIMUM_PROPERTIES) {
        return invalid_parameter;
    }
    const char *k[COV_MAXIMUM_PROPERTIES] = {0}, *v[COV_MAXIMUM_PROPERTIES] = {0};
    for (size_t i = 0; i < count; i++) {
        k[i] = keys[i];
        v[i] = values[i];
    }
    // The callee reads `2 * count` of the variadic arguments; the rest is never looked at.
    return api->ov_core_compile_model(core, model, device, 2 * count, result,
                                      k[0], v[0], k[1], v[1], k[2], v[2], k[3], v[3], k[4], v[4], k[5], v[5], k[6], v[6], k[7], v[7]);
}

const char *cov_image_path(void) {
    Dl_info info;
    return dladdr((const void *)functions, &info) ? info.dli_fname : NULL;
}

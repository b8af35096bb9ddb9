/* aquatint_plugin.hpp - Aquatint's plug-in interface for C++17, over aquatint_plugin.h. Header only, no dependencies.
 *
 * A stage is a class: declare() says what it takes, the constructor reads the parameters, plan() says what comes out and
 * which pixels that needs, process() computes a tile. It may throw anything: no exception crosses the boundary.
 *
 *      struct Gain {
 *          static aqt::declaration declare() {
 *              return aqt::declaration("acme.gain", "Multiplies the picture.").licence("MIT")
 *                  .with(aqt::number("amount", 1, 0, 16, "What each sample is multiplied with."));
 *          }
 *          explicit Gain(const aqt::values &v) : amount(float(v.number("amount"))) {}
 *          aqt::plan plan(const aqt::images &in) const { return aqt::plan(in[0]); }
 *          void process(const aqt::tiles &in, const aqt::target &out, const aqt::job &job) const {
 *              for (int64_t y : out.rows()) {
 *                  job.check();
 *                  for (int64_t x : out.columns())
 *                      for (int b = 0; b < out.bands(); b++) out.at(x, y, b) = amount * in[0].at(x, y, b);
 *              }
 *          }
 *          float amount;
 *      };
 *      AQUATINT_PLUGIN("acme", "1.0.0", "Acme", Gain)
 *
 * Stages made with it take and give floats, interleaved. Whatever else the interface has is there in the C header.
 */
#ifndef AQUATINT_PLUGIN_HPP
#define AQUATINT_PLUGIN_HPP
#include "aquatint_plugin.h"
#ifdef __cplusplus          /* a C module map that covers the folder finds nothing here */
#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/* Hidden: two plug-ins may both have a class Effect, and the loader must not take the tables of one for those of the other. */
namespace aqt __attribute__((visibility("hidden"))) {

/** What a stage throws to choose the error's code. Other exceptions become AQT_E_INTERNAL, std::bad_alloc AQT_E_MEMORY. */
struct error : std::runtime_error {
    int32_t code;
    std::string parameter;
    error(int32_t code, const std::string &message, std::string parameter = {})
        : std::runtime_error(message), code(code), parameter(std::move(parameter)) {}
};

/** The value of a parameter cannot be used. */
inline error bad_parameter(const std::string &name, const std::string &message) { return {AQT_E_PARAM, message, name}; }
/** The size or the bands of an image cannot be used. */
inline error bad_geometry(const std::string &message) { return {AQT_E_GEOMETRY, message}; }

/* ---- the declaration ---------------------------------------------------------------------------------------- */

/** One declared parameter; made with number(), integer() and their like. */
struct parameter {
    int32_t type;
    std::string name, doc, unit_name, text;
    bool required = false, has_range = false, has_default = false;
    double min = 0, max = 0, number = 0;
    int64_t integer = 0;
    std::vector<std::string> choices;
    std::vector<double> list;
    uint64_t min_count = 0, max_count = 0;

    parameter(int32_t type, std::string name, std::string doc) : type(type), name(std::move(name)), doc(std::move(doc)) {}
    /** The same with a unit: "px", "%". */
    parameter unit(std::string text) && { unit_name = std::move(text); return std::move(*this); }
};

inline parameter number(std::string name, double fallback, double min, double max, std::string doc) {
    parameter p(AQT_P_FLOAT, std::move(name), std::move(doc));
    p.number = fallback, p.min = min, p.max = max, p.has_range = p.has_default = true;
    return p;
}
inline parameter integer(std::string name, int64_t fallback, int64_t min, int64_t max, std::string doc) {
    parameter p(AQT_P_INT, std::move(name), std::move(doc));
    p.integer = fallback, p.min = double(min), p.max = double(max), p.has_range = p.has_default = true;
    return p;
}
inline parameter boolean(std::string name, bool fallback, std::string doc) {
    parameter p(AQT_P_BOOL, std::move(name), std::move(doc));
    p.integer = fallback, p.has_default = true;
    return p;
}
/** One of several words; the first is the default. */
inline parameter choice(std::string name, std::vector<std::string> choices, std::string doc) {
    parameter p(AQT_P_ENUM, std::move(name), std::move(doc));
    p.choices = std::move(choices), p.has_default = true;
    return p;
}
/** A colour of `fallback.size()` bands, 0 to 1. */
inline parameter colour(std::string name, std::vector<double> fallback, std::string doc) {
    parameter p(AQT_P_COLOUR, std::move(name), std::move(doc));
    p.min_count = p.max_count = fallback.size();
    p.list = std::move(fallback), p.has_default = true;
    return p;
}
/** Text that must be given. */
inline parameter required_text(std::string name, std::string doc) {
    parameter p(AQT_P_STRING, std::move(name), std::move(doc));
    p.required = true;
    return p;
}
/** A file that must be given; the stage gets its absolute path. */
inline parameter required_file(std::string name, std::string doc) {
    parameter p(AQT_P_FILE, std::move(name), std::move(doc));
    p.required = true;
    return p;
}

/** What a stage is. One input, the running image, unless more are declared with `input`. */
struct declaration {
    std::string id, doc, version_text = "1.0.0", licence_text;
    std::vector<parameter> parameters;
    struct image { std::string name, doc; bool optional; uint32_t spaces; int32_t min_bands, max_bands; };
    std::vector<image> inputs{{"in", "The picture.", false, 0, 1, 0}};
    int32_t thread_model = AQT_THREADS_FREE;
    uint32_t flag_bits = 0, format_bits = 1u << AQT_F32;

    declaration(std::string id, std::string doc) : id(std::move(id)), doc(std::move(doc)) {}
    declaration with(parameter p) && { parameters.push_back(std::move(p)); return std::move(*this); }
    declaration version(std::string text) && { version_text = std::move(text); return std::move(*this); }
    /** An SPDX expression; not said unless given. */
    declaration licence(std::string text) && { licence_text = std::move(text); return std::move(*this); }
    /** What the first input takes: 1u << AQT_SPACE_SRGB and so on (0: any), and how many colour bands (max 0: any). */
    declaration takes(uint32_t spaces, int32_t min_bands, int32_t max_bands) && {
        inputs[0].spaces = spaces, inputs[0].min_bands = min_bands, inputs[0].max_bands = max_bands;
        return std::move(*this);
    }
    /** The sample formats that process() takes, for every input: 1u << AQT_U8 and so on; floats unless said. See basic_tile::as(). */
    declaration formats(uint32_t bits) && { format_bits = bits; return std::move(*this); }
    /** One more image. */
    declaration input(std::string name, bool optional, std::string doc) && {
        inputs.push_back({std::move(name), std::move(doc), optional, 0, 1, 0});
        return std::move(*this);
    }
    /** AQT_THREADS_*; any number of calls of process() at a time unless said. */
    declaration threads(int32_t model) && { thread_model = model; return std::move(*this); }
    /** AQT_F_*. */
    declaration flags(uint32_t bits) && { flag_bits = bits; return std::move(*this); }
};

/* ---- what a stage is given ------------------------------------------------------------------------------------ */

/** The values of the parameters, checked by the host. Reading one that is not declared, or as another type, throws. */
class values {
public:
    values(const std::vector<parameter> &declared, const aqt_value *const *given) : declared(declared), given(given) {}
    double number(const char *name) const { return find(name, AQT_P_FLOAT).f; }
    int64_t integer(const char *name) const { return find(name, AQT_P_INT).i; }
    bool boolean(const char *name) const { return find(name, AQT_P_BOOL).i != 0; }
    /** The choice's place in the declared list. */
    int64_t choice(const char *name) const { return find(name, AQT_P_ENUM).i; }
    std::string text(const char *name) const { return find(name, AQT_P_STRING).s; }
    std::string file(const char *name) const { return find(name, AQT_P_FILE).s; }
    std::vector<double> colour(const char *name) const {
        const aqt_value &v = find(name, AQT_P_COLOUR);
        return {v.float_items, v.float_items + v.count};
    }

private:
    const std::vector<parameter> &declared;
    const aqt_value *const *given;
    const aqt_value &find(const char *name, int32_t type) const {
        for (size_t i = 0; i < declared.size(); i++) {
            if (declared[i].name != name) continue;
            if (declared[i].type != type) throw error(AQT_E_INTERNAL, std::string("the stage reads its parameter ") + name + " as another type");
            return *given[i];
        }
        throw error(AQT_E_INTERNAL, std::string("the stage reads a parameter that it does not declare: ") + name);
    }
};

/** The size and meaning of a whole image. Changed and given to plan(), that of the output. */
struct image {
    int64_t width = 0, height = 0;
    int32_t bands = 0, space = AQT_SPACE_ANY, format = AQT_F32;
    bool has_alpha = false, is_present = false;
};

/** One per declared input; `is_present` is false where an optional one is absent. */
using images = std::vector<image>;

/** What comes out, and which pixels that needs. */
struct plan {
    image output;
    /** Input pixels around each pixel, on all sides and in all inputs. */
    int32_t halo = 0;
    /** AQT_EDGE_*: what lies past the image. */
    int32_t edge = AQT_EDGE_CLIP;
    /** Output : input; the output's size is ceil(input * numerator / denominator). */
    int32_t numerator = 1, denominator = 1;
    /** Whether no tiling is correct: the whole image in one call. */
    bool whole_image = false;
    /** AQT_INTERLEAVED, or AQT_PLANAR: how the samples of all tiles lie in memory. */
    int32_t layout = AQT_INTERLEAVED;

    explicit plan(const image &output, int32_t halo = 0, int32_t edge = AQT_EDGE_CLIP) : output(output), halo(halo), edge(edge) {}
};

/** Whole numbers from `first` up to `last`, without it. */
struct range {
    int64_t first, last;
    struct iterator {
        int64_t value;
        int64_t operator*() const { return value; }
        iterator &operator++() { ++value; return *this; }
        bool operator!=(const iterator &other) const { return value != other.value; }
    };
    iterator begin() const { return {first}; }
    iterator end() const { return {last}; }
};

/** The sample format of a C++ type. */
template <class Sample> struct format_of;
template <> struct format_of<uint8_t> { static constexpr int32_t value = AQT_U8; };
template <> struct format_of<uint16_t> { static constexpr int32_t value = AQT_U16; };
template <> struct format_of<float> { static constexpr int32_t value = AQT_F32; };

/** Pixels of a rectangle, addressed by positions in the whole image. */
template <class Sample> class basic_tile {
public:
    explicit basic_tile(const aqt_tile *t = nullptr) : tile(t) {}
    /** Whether it is there: an optional input may be absent. */
    explicit operator bool() const { return tile != nullptr; }
    /** The sample of a column, row and band of the whole image, which must lie in the rectangle. */
    Sample &at(int64_t x, int64_t y, int32_t band) const {
        return *reinterpret_cast<Sample *>(tile->data + (y - tile->rect.y) * tile->row + (x - tile->rect.x) * tile->col + band * tile->band);
    }
    /** The first sample of a row, at the rectangle's left: the others of its band follow one another where the plan's layout is AQT_PLANAR. */
    Sample *row(int64_t y, int32_t band = 0) const { return &at(tile->rect.x, y, band); }
    /** The same pixels as samples of another type, for images of other formats than floats: in[0].as<const uint8_t>(). Throws where the format is another. */
    template <class Other> basic_tile<Other> as() const {
        if (format_of<std::remove_const_t<Other>>::value != tile->image->format) throw error(AQT_E_INTERNAL, "the stage reads samples of another format than it was given");
        static_assert(std::is_const_v<Other> || !std::is_const_v<Sample>, "inputs are read-only");
        return basic_tile<Other>(tile);
    }
    range rows() const { return {tile->rect.y, tile->rect.y + tile->rect.height}; }
    range columns() const { return {tile->rect.x, tile->rect.x + tile->rect.width}; }
    int32_t bands() const { return tile->image->bands; }
    /** The size of the whole image. */
    int64_t image_width() const { return tile->image->width; }
    int64_t image_height() const { return tile->image->height; }
    const aqt_tile *c() const { return tile; }

private:
    const aqt_tile *tile;
};

using source = basic_tile<const float>;
using target = basic_tile<float>;
using tiles = std::vector<source>;

/** The image being worked on. */
class job {
public:
    explicit job(const aqt_job *j) : c(j) {}
    bool is_cancelled() const { return c->cancelled(c) != 0; }
    /** Throws once the image was given up: call it for every row. */
    void check() const { if (is_cancelled()) throw error(AQT_E_CANCELLED, "cancelled"); }

private:
    const aqt_job *c;
};

/* ---- the boundary ----------------------------------------------------------------------------------------------- */

namespace detail {

inline int32_t fail(aqt_error *err, int32_t code, const std::string &parameter, const char *message) noexcept {
    if (err && err->struct_size >= sizeof *err) {
        err->code = code;
        std::strncpy(err->param, parameter.c_str(), sizeof err->param - 1);
        std::strncpy(err->message, message, sizeof err->message - 1);
        err->param[sizeof err->param - 1] = err->message[sizeof err->message - 1] = 0;
    }
    return code;
}

/** Runs `body`, and turns whatever it throws into an error of the interface. */
template <class Body> int32_t guarded(aqt_error *err, Body body) noexcept {
    try {
        body();
        return AQT_OK;
    } catch (const error &e) {
        return fail(err, e.code, e.parameter, e.what());
    } catch (const std::bad_alloc &) {
        return fail(err, AQT_E_MEMORY, {}, "no memory");
    } catch (const std::exception &e) {
        return fail(err, AQT_E_INTERNAL, {}, e.what());
    } catch (...) {
        return fail(err, AQT_E_INTERNAL, {}, "an exception of an unknown type");
    }
}

/** The C tables of a declaration. Deques: what they hold never moves. */
struct tables {
    declaration d;
    std::deque<aqt_value> values;
    std::deque<aqt_param> params;
    std::deque<aqt_input> inputs;
    std::deque<std::vector<const char *>> choices;
    std::vector<const aqt_param *> param_list;
    std::vector<const aqt_input *> input_list;
    aqt_stage stage{};

    explicit tables(declaration given) : d(std::move(given)) {
        for (const parameter &p : d.parameters) add(p);
        for (const declaration::image &i : d.inputs) {
            aqt_input c{};
            c.struct_size = sizeof c, c.optional = i.optional, c.name = i.name.c_str(), c.doc = i.doc.c_str();
            c.formats = d.format_bits, c.spaces = i.spaces, c.min_bands = i.min_bands, c.max_bands = i.max_bands;
            inputs.push_back(c);
            input_list.push_back(&inputs.back());
        }
        param_list.push_back(nullptr);
        input_list.push_back(nullptr);
        stage.struct_size = sizeof stage, stage.kind = AQT_KIND_PIXEL, stage.threads = d.thread_model, stage.flags = d.flag_bits;
        stage.id = d.id.c_str(), stage.version = d.version_text.c_str(), stage.doc = d.doc.c_str();
        stage.licence = d.licence_text.empty() ? nullptr : d.licence_text.c_str();
        stage.inputs = input_list.data(), stage.params = param_list.data();
    }
    tables(const tables &) = delete;

private:
    void add(const parameter &p) {
        aqt_param c{};
        c.struct_size = sizeof c, c.type = p.type, c.flags = p.required ? AQT_PF_REQUIRED : 0, c.has_range = p.has_range;
        c.name = p.name.c_str(), c.doc = p.doc.c_str(), c.unit = p.unit_name.empty() ? nullptr : p.unit_name.c_str();
        c.min = p.min, c.max = p.max, c.min_count = p.min_count, c.max_count = p.max_count;
        if (p.type == AQT_P_ENUM) {
            choices.emplace_back();
            for (const std::string &word : p.choices) choices.back().push_back(word.c_str());
            choices.back().push_back(nullptr);
            c.choices = choices.back().data();
        }
        if (p.has_default) {
            aqt_value v{};
            v.struct_size = sizeof v, v.type = p.type, v.i = p.integer, v.f = p.number;
            v.float_items = p.list.empty() ? nullptr : p.list.data(), v.count = p.list.size();
            values.push_back(v);
            c.fallback = &values.back();
        }
        params.push_back(c);
        param_list.push_back(&params.back());
    }
};

/** What aqt_plan.state points to. */
struct plan_memory {
    aqt_image output{};
    aqt_reach reach{};
    std::vector<const aqt_reach *> reaches;
};

/** The C functions of a stage class, and its tables, made on first use. */
template <class Stage> struct glue {
    static tables &shared() {
        static tables made(Stage::declare());
        return made;
    }

    static const aqt_stage *descriptor() {
        aqt_stage &s = shared().stage;
        s.create = create, s.destroy = destroy, s.plan = make_plan, s.plan_free = free_plan, s.process = process;
        return &s;
    }

    static int32_t create(const aqt_host *, const aqt_stage *, const aqt_value *const *given, void **self, aqt_error *err) {
        return guarded(err, [&] { *self = new Stage(values(shared().d.parameters, given)); });
    }

    static void destroy(void *self) { delete static_cast<Stage *>(self); }

    static int32_t make_plan(void *self, const aqt_image *const *in, aqt_plan *out, aqt_error *err) {
        return guarded(err, [&] {
            images all;
            for (size_t i = 0; i < shared().d.inputs.size(); i++) {
                image one;
                if (in[i]) {
                    one.width = in[i]->width, one.height = in[i]->height, one.bands = in[i]->bands, one.space = in[i]->space;
                    one.has_alpha = in[i]->has_alpha != 0, one.is_present = true, one.format = in[i]->format;
                }
                all.push_back(one);
            }
            const plan answer = static_cast<const Stage *>(self)->plan(all);
            auto memory = std::make_unique<plan_memory>();
            aqt_image &o = memory->output;
            o.struct_size = sizeof o, o.format = answer.output.format, o.space = answer.output.space, o.bands = answer.output.bands;
            o.has_alpha = answer.output.has_alpha, o.width = answer.output.width, o.height = answer.output.height;
            aqt_reach &r = memory->reach;
            r.struct_size = sizeof r, r.num_x = r.num_y = answer.numerator, r.den_x = r.den_y = answer.denominator;
            r.left = r.right = r.top = r.bottom = answer.halo;
            memory->reaches.assign(all.size(), &r);
            memory->reaches.push_back(nullptr);
            out->flags = answer.whole_image ? AQT_PLAN_WHOLE_IMAGE : 0;
            out->output = &o, out->reach = memory->reaches.data(), out->edge = answer.edge, out->layout = answer.layout;
            out->state = memory.release();
        });
    }

    static void free_plan(void *, aqt_plan *p) { delete static_cast<plan_memory *>(p->state); }

    static int32_t process(void *self, const aqt_plan *, const aqt_job *j, const aqt_tile *const *in, const aqt_tile *out, aqt_error *err) {
        return guarded(err, [&] {
            tiles all;
            for (size_t i = 0; i < shared().d.inputs.size(); i++) all.emplace_back(in[i]);
            static_cast<const Stage *>(self)->process(all, target(out), job(j));
        });
    }
};

/** The tables of a library; NULL where they cannot be made. */
template <class... Stages> const aqt_plugin *library(const char *name, const char *version, const char *vendor) noexcept {
    try {
        static const aqt_stage *const stages[] = {glue<Stages>::descriptor()..., nullptr};
        static aqt_plugin plugin{};
        plugin.struct_size = sizeof plugin, plugin.abi_minor = AQT_ABI_MINOR;
        plugin.name = name, plugin.version = version, plugin.vendor = vendor, plugin.stages = stages;
        return &plugin;
    } catch (...) {
        return nullptr;
    }
}

}  // namespace detail
}  // namespace aqt

/** The library's entry: its name, version and vendor, and the classes of its stages. Once, at the end of one source file. */
#define AQUATINT_PLUGIN(name, version, vendor, ...) \
    extern "C" AQT_EXPORT const aqt_plugin *aqt_plugin_entry_v1(void) { return aqt::detail::library<__VA_ARGS__>(name, version, vendor); }

#endif
#endif

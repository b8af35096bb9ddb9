// A stage in C++ over the convenience header: every kind of parameter, a halo, and errors of all kinds.
#include "aquatint_plugin.hpp"

struct Blur {
    static aqt::declaration declare() {
        return aqt::declaration("test.blur", "Averages three rows. Nothing else.").version("2.0.1").licence("MIT").takes(1u << AQT_SPACE_SRGB, 3, 3)
            .threads(AQT_THREADS_INSTANCE)
            .with(aqt::number("gain", 1, 0, 4, "Factor.").unit("x"))
            .with(aqt::integer("reach", 1, 0, 4, "Rows.").unit("px"))
            .with(aqt::boolean("squares", false, "Whether."))
            .with(aqt::choice("fault", {"none", "parameter", "geometry", "runtime", "memory", "unknown", "undeclared"}, "What goes wrong."))
            .with(aqt::colour("tint", {1, 1, 1}, "A colour."));
    }

    explicit Blur(const aqt::values &v)
        : gain(float(v.number("gain"))), reach(v.integer("reach")), squares(v.boolean("squares")), fault(v.choice("fault")), tint(v.colour("tint")) {
        if (fault == 1) throw aqt::bad_parameter("gain", "is not to my taste");
        if (fault == 6) v.number("gian");
    }

    aqt::plan plan(const aqt::images &in) const {
        if (fault == 2) throw aqt::bad_geometry("too small");
        return aqt::plan(in[0], int32_t(reach), AQT_EDGE_CLIP);
    }

    void process(const aqt::tiles &in, const aqt::target &out, const aqt::job &job) const {
        if (fault == 3) throw std::runtime_error("a runtime error");
        if (fault == 4) throw std::bad_alloc();
        if (fault == 5) throw 42;
        for (int64_t y : out.rows()) {
            job.check();
            for (int64_t x : out.columns())
                for (int32_t b = 0; b < out.bands(); b++) {
                    float sum = 0;
                    const int64_t first = std::max<int64_t>(0, y - reach), last = std::min(out.image_height() - 1, y + reach);
                    for (int64_t v = first; v <= last; v++) sum += in[0].at(x, v, b);
                    const float mean = gain * sum / float(last - first + 1);
                    out.at(x, y, b) = float(tint[size_t(b)]) * (squares ? mean * mean : mean);
                }
        }
    }

    float gain;
    int64_t reach;
    bool squares;
    int64_t fault;
    std::vector<double> tint;
};

struct Second {
    static aqt::declaration declare() { return aqt::declaration("test.second", "Copies.").input("mask", true, "Where."); }
    explicit Second(const aqt::values &) {}
    aqt::plan plan(const aqt::images &in) const {
        if (in.size() != 2 || in[1].is_present) throw aqt::bad_geometry("there is a mask");
        return aqt::plan(in[0]);
    }
    void process(const aqt::tiles &in, const aqt::target &out, const aqt::job &) const {
        if (in.size() != 2 || in[1]) throw aqt::error(AQT_E_INTERNAL, "there is a mask");
        for (int64_t y : out.rows())
            for (int64_t x : out.columns())
                for (int32_t b = 0; b < out.bands(); b++) out.at(x, y, b) = in[0].at(x, y, b);
    }
};

AQUATINT_PLUGIN("test.cpp", "1.2.3", "Tests", Blur, Second)

// A stage on bytes and 16-bit samples, plane by plane.
#include "aquatint_plugin.hpp"

namespace {

struct Invert {
    static aqt::declaration declare() {
        return aqt::declaration("test.invert", "Turns light to dark.").licence("MIT").formats(1u << AQT_U8 | 1u << AQT_U16);
    }

    explicit Invert(const aqt::values &) {}

    aqt::plan plan(const aqt::images &in) const {
        aqt::plan answer(in[0]);
        answer.layout = AQT_PLANAR;
        return answer;
    }

    template <class Sample> static void invert(const aqt::basic_tile<const Sample> &in, const aqt::basic_tile<Sample> &out) {
        const int64_t width = out.columns().last - out.columns().first;
        for (int32_t band = 0; band < out.bands(); band++) {
            for (int64_t y : out.rows()) {
                const Sample *from = in.row(y, band);
                Sample *to = out.row(y, band);
                for (int64_t x = 0; x < width; x++) to[x] = Sample(~from[x]);
            }
        }
    }

    void process(const aqt::tiles &in, const aqt::target &out, const aqt::job &) const {
        if (out.c()->image->format == AQT_U8) invert(in[0].as<const uint8_t>(), out.as<uint8_t>());
        else invert(in[0].as<const uint16_t>(), out.as<uint16_t>());
    }
};

}  // namespace

AQUATINT_PLUGIN("test", "1.0.0", "test", Invert)

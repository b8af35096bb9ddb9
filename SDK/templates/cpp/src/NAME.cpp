// The stage {{id}}: mixes each pixel with the mean of its surroundings. Replace it by what you have in mind.
#include "aquatint_plugin.hpp"

namespace {

struct {{Name}}Effect {
    // What the stage takes: validation, help and the editor's schema follow from it.
    static aqt::declaration declare() {
        return aqt::declaration("{{id}}", "Mixes each pixel with the mean of its surroundings.").licence("MIT")
            .with(aqt::integer("radius", 2, 1, 16, "How far the surroundings go.").unit("px"))
            .with(aqt::number("amount", 1, 0, 1, "How much of the mean is mixed in."));
    }

    // One use of the stage in a pipeline. The host has checked the ranges.
    explicit {{Name}}Effect(const aqt::values &values) : radius(values.integer("radius")), amount(float(values.number("amount"))) {}

    // Once per image size: what comes out, and which pixels that needs. Past its edges the picture goes on, so the halo is always there.
    aqt::plan plan(const aqt::images &in) const { return aqt::plan(in[0], int32_t(radius), AQT_EDGE_REPLICATE); }

    // The work: every sample of one rectangle of the output. Positions are those of the whole image.
    void process(const aqt::tiles &in, const aqt::target &out, const aqt::job &job) const {
        const float count = float((2 * radius + 1) * (2 * radius + 1));
        for (int64_t y : out.rows()) {
            job.check();
            for (int64_t x : out.columns())
                for (int32_t b = 0; b < out.bands(); b++) {
                    float sum = 0;
                    for (int64_t v = y - radius; v <= y + radius; v++)
                        for (int64_t u = x - radius; u <= x + radius; u++) sum += in[0].at(u, v, b);
                    const float own = in[0].at(x, y, b);
                    out.at(x, y, b) = own + amount * (sum / count - own);
                }
        }
    }

    int64_t radius;
    float amount;
};

}  // namespace

AQUATINT_PLUGIN("{{id}}", "1.0.0", "{{vendor}}", {{Name}}Effect)

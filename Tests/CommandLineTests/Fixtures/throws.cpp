// A stage whose exception nothing catches.
#include "aquatint_plugin.hpp"
#include <stdexcept>

namespace {

struct Throws {
    static aqt::declaration declare() { return aqt::declaration("test.throws", "Throws.").licence("MIT"); }
    explicit Throws(const aqt::values &) {}
    aqt::plan plan(const aqt::images &in) const { return aqt::plan(in[0], 0, AQT_EDGE_REPLICATE); }
    void process(const aqt::tiles &, const aqt::target &, const aqt::job &) const noexcept { throw std::runtime_error("boom"); }
};

}  // namespace

AQUATINT_PLUGIN("test", "1.0.0", "test", Throws)

// Clocks.
#include "unplug/model/kernel/hw/clock.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::clock;
constexpr VerbFamily family{kind, "parents and rates, errors; that several bindings share it"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() {
  return things<kind>(
      [](model::Clock& c, const ThingSetup& s) { model::init_clock(s.kernel, c, s.unique, s.declared, s.binding.binding.life); });
}

std::vector<Verb> clock_verbs() {
  constexpr std::string_view clk = "drivers/clk/clk.c, v6.18";
  return {
      family.sets_up("devm_clk_get", {}, clk, "a clock: a mapping that names it may only be accessed while it is enabled"),
      family.on_thing("clk_prepare", on<kind, model::clk_prepare>, {}, clk, "counts; may sleep"),
      family.on_thing("clk_enable", on<kind, model::clk_enable>, {}, clk, "counts; the clock has to be prepared"),
      family.on_thing("clk_disable", on<kind, model::clk_disable>, {}, clk, "the last one gates the clock"),
      family.on_thing("clk_unprepare", on<kind, model::clk_unprepare>, {}, clk, "undoes clk_prepare"),
      family.on_thing("clk_prepare_enable", on<kind, model::clk_prepare_enable>, {}, clk, "prepares and enables it"),
      family.on_thing("clk_disable_unprepare", on<kind, model::clk_disable_unprepare>, {}, clk, "disables and unprepares it"),
  };
}

}  // namespace unplug::scenarios

// struct device: what is counted and registered; and the unbinding of the driver's own.
#include "unplug/model/kernel/device_core.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::device;
constexpr std::string_view core_c = "drivers/base/core.c, v6.18";

std::uint32_t do_add(Frame& f, const Instruction& i, std::uint32_t next) {
  f.world.reached(i);
  model::Device* const d = thing<kind>(f, i);
  return d == nullptr || model::device_add(f.context, *d) ? next : otherwise(f, i, next);
}

// What they do has places of its own in the driver core: that they were reached shows in no step of theirs.
template <auto function> std::uint32_t on_core(Frame& f, const Instruction& i, std::uint32_t next) {
  f.world.reached(i);
  return on<kind, function>(f, i, next);
}

std::uint32_t do_release_driver(Frame& f, const Instruction& i, std::uint32_t next) {
  f.world.reached(i);
  return f.world.release_driver(f.context, *f.binding) ? next : otherwise(f, i, next);
}

void lay_out(model::Device& d, const ThingSetup& s) {
  model::init_device(s.kernel, d, s.unique, s.declared);
  model::init_device_core(s.kernel, d, s.unique, s.home, false);
  Callback* const release = s.callback();
  d.release = [release](model::Context& c) { World::callback_entry(c, release); };
}

constexpr VerbFamily family{kind, "uevents, classes, links, attributes of its own, binding a driver to it"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> device_verbs() {
  Verb unbind;
  unbind.name = "device_release_driver";
  unbind.execute = do_release_driver;
  unbind.keys = {{"else", KeyKind::otherwise, false, "where to go if it is not bound any more"}};
  unbind.models = "drivers/base/dd.c, v6.18";
  unbind.leaves_out = "other devices than the one that the caller's binding is of";
  unbind.summary = "unbinds the driver from its device: remove(), then devres; from an operation that this waits for, it never returns";
  return {
      family.sets_up("device_initialize", {{"fn", KeyKind::function, true, "its release()"}}, core_c,
                     "a struct device in memory of the driver's, with one reference"),
      family.on_thing("get_device", on<kind, model::get_device>, {}, core_c, "takes a reference: on the memory, and nothing else"),
      family.on_thing("put_device", on<kind, model::put_device>, {}, core_c, "drops one; who drops the last runs release()"),
      family.on_thing("device_add", do_add, {{"else", KeyKind::otherwise, false, "where to go if it fails"}}, core_c, "registers it"),
      family.on_thing("device_del", on_core<model::device_del>, {}, core_c,
                      "takes the registration back; waits for nobody who has a reference"),
      family.on_thing("device_unregister", on_core<model::device_unregister>, {}, core_c, "device_del(), then put_device()"),
      unbind,
  };
}

}  // namespace unplug::scenarios

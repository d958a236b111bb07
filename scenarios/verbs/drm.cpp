// DRM's sections that unplugging waits for.
#include "unplug/model/kernel/fs/drm_drv.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::drm_device;
constexpr std::string_view drm_drv = "drivers/gpu/drm/drm_drv.c, v6.18";

// drm_unplug_srcu, of all DRM devices.
struct UnplugSrcu final : WorldPart {
  void setup(World& world) override {
    static const model::StaticName name{"drm_unplug_srcu"};
    const model::NameId n = world.kernel().intern(name);
    model::init_srcu(world.kernel(), domain, n, n, {});
  }
  model::Srcu domain;
};

std::uint32_t do_enter(Frame& f, const Instruction& i, std::uint32_t next) {
  model::DrmDevice* const d = thing<kind>(f, i);
  if (d == nullptr) return next;
  std::uint64_t index = 0;
  const bool entered = model::drm_dev_enter(f.context, *d, index);
  set_local(f, i, index);
  return entered ? next : otherwise(f, i, next);
}

std::uint32_t do_exit(Frame& f, const Instruction& i, std::uint32_t next) {
  model::drm_dev_exit(f.context, f.world.part<UnplugSrcu>().domain, i.other == no_local ? 0 : f.locals[i.other]);
  return next;
}

void lay_out(model::DrmDevice& d, const ThingSetup& s) {
  model::init_drm_device(s.kernel, d, s.world.part<UnplugSrcu>().domain, s.unique, s.declared, s.home);
}

constexpr VerbFamily family{kind, "references, clients, master and leases"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> drm_verbs() {
  Verb exit = family.on_thing("drm_dev_exit", do_exit, {}, drm_drv, "ends the section; the operand is the index that drm_dev_enter gave");
  exit.operand = OperandKind::local;
  exit.acts = false;
  Verb enter =
      family.on_thing("drm_dev_enter", do_enter,
                      {{"to", KeyKind::to, true, "local that receives the index"},
                       {"else", KeyKind::otherwise, true, "where to go if the device is unplugged: then there is no section to exit"}},
                      drm_drv, "begins a section that drm_dev_unplug() waits for");
  enter.acts = false;
  return {
      family.sets_up("drm_dev_init", {}, drm_drv, "a drm_device, static or in memory of the driver's",
                     set_up_again<EntityKind::drm_device>),
      enter,
      exit,
      family.on_thing("drm_dev_unplug", on<kind, model::drm_dev_unplug>, {}, drm_drv,
                      "refuses sections and waits for those under way; then the nodes go, and what user space has mapped is zapped"),
  };
}

}  // namespace unplug::scenarios

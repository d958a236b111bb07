// Runtime power management of the device that is bound.
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/base/devres.hpp"
#include "unplug/model/kernel/hw/clock.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::runtime_pm;
constexpr VerbFamily family{kind,
                            "the driver's callbacks (runtime_suspend(), runtime_resume()), autosuspend delays, errors of a resume, that "
                            "disabling nests, that the core resumes the device for remove()"};

std::uint32_t do_devm_enable(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::StaticName disable{"devm pm_runtime_disable"};
  auto* const p = thing<kind>(f, i);
  model::Devres* const list = devres_of(f, i);
  if (p == nullptr || list == nullptr) return next;
  model::devres_add(f.context, *list, {&disable, p->name, [p](model::Context& c) { model::pm_runtime_disable(c, *p); }, p});
  return next;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() {
  return things<kind>([](model::RuntimePm& p, const ThingSetup& s) {
    model::init_runtime_pm(s.kernel, p, s.unique, s.declared, s.task_name("pm_wq"), s.binding.binding.life);
  });
}

std::vector<Verb> runtime_pm_verbs() {
  constexpr std::string_view runtime = "drivers/base/power/runtime.c, v6.18";
  const KeySpec answer{"to", KeyKind::to, false, "local that receives 0, or -EACCES where it is disabled"},
      refused{"else", KeyKind::otherwise, false, "where to go if it is disabled"};
  return {
      family.sets_up("pm_runtime_enable", {}, runtime,
                     "runtime PM of the device, suspended at first: a mapping that names it may only be accessed while it is resumed"),
      family.declares("devm_pm_runtime_enable", do_devm_enable, {other_device}, runtime, "the same; devres disables it after remove()"),
      family.on_thing("pm_runtime_get_sync", try_or_error<kind, model::pm_runtime_get_sync, model::eacces>, {answer, refused}, runtime,
                      "counts and resumes; where it is disabled it counts all the same"),
      family.on_thing("pm_runtime_resume_and_get", try_or_error<kind, model::pm_runtime_resume_and_get, model::eacces>, {answer, refused},
                      runtime, "counts and resumes; where it is disabled it does neither"),
      family.on_thing("pm_runtime_get_noresume", on<kind, model::pm_runtime_get_noresume>, {}, runtime, "counts, and resumes nothing"),
      family.on_thing("pm_runtime_put", on<kind, model::pm_runtime_put>, {}, runtime,
                      "the last one asks for a suspend, which a worker of the kernel does some time later"),
      alias("pm_runtime_put_autosuspend", "pm_runtime_put"),
      family.on_thing("pm_runtime_put_sync", on<kind, model::pm_runtime_put_sync>, {}, runtime, "the last one suspends; may sleep"),
      family.on_thing("pm_runtime_put_noidle", on<kind, model::pm_runtime_put_noidle>, {}, runtime, "counts down, and suspends nothing"),
      family.on_thing("pm_runtime_disable", on<kind, model::pm_runtime_disable>, {}, runtime,
                      "the state stays as it is: nothing resumes or suspends the device any more"),
  };
}

}  // namespace unplug::scenarios

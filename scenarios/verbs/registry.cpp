#include <algorithm>
#include <array>

#include "unplug/model/core/errno.hpp"
#include "unplug/scenarios/verbs/families.hpp"

namespace unplug::scenarios {
namespace {

// What a call answers that is made to fail for want of memory (run.fail_probe). Those that take part in it in other words aren't listed.
struct MayFail {
  std::string_view verb;
  int error;
};
constexpr std::array may_fail{MayFail{"kmem_cache_create", model::enomem},
                              MayFail{"percpu_ref_init", model::enomem},
                              MayFail{"init_srcu_struct", model::enomem},
                              MayFail{"devm_ioremap_resource", model::enomem},
                              MayFail{"ioremap", model::enomem},
                              MayFail{"devm_request_irq", model::enomem},
                              MayFail{"request_irq", model::enomem},
                              MayFail{"kthread_run", model::enomem},
                              MayFail{"device_create_file", model::enomem},
                              MayFail{"device_add", model::enomem},
                              MayFail{"misc_register", model::enomem},
                              MayFail{"usb_register_dev", model::enomem},
                              MayFail{"usb_alloc_urb", model::enomem},
                              MayFail{"cdev_device_add", model::enomem}};

// Beyond their "at_most", calls answer 0: nothing was queued, no timer was armed before. These an error.
constexpr std::array refuse{MayFail{"usb_submit_urb", -16}};  // -EBUSY
constexpr KeySpec refused{"refused", KeyKind::refused, false,
                          "what it answers once it has done so: an error (\"-ENODEV\") or a number; then it is its \"else\" that goes on"};

struct Family {
  std::string_view word;
  std::vector<Verb> (*verbs)();
};
constexpr std::array families{
#define FAMILY(word) Family{#word, word##_verbs},
#include "unplug/scenarios/verbs/families.def"
#undef FAMILY
};

std::vector<Verb> make_table() {
  std::vector<Verb> all;
  for (const Family& family : families) {
    for (Verb& v : family.verbs()) {
      v.family = family.word;
      all.push_back(std::move(v));
    }
  }
  for (const MayFail& m : refuse) std::ranges::find(all, m.verb, &Verb::name)->refused = m.error;
  for (Verb& v : all) {
    const bool bounded = std::ranges::find(v.keys, KeyKind::at_most, &KeySpec::kind) != v.keys.end();
    if (bounded && std::ranges::find(v.keys, KeyKind::to, &KeySpec::kind) != v.keys.end()) v.keys.push_back(refused);
  }
  for (const MayFail& m : may_fail) std::ranges::find(all, m.verb, &Verb::name)->error = m.error;
  // An alias is its target under an old name.
  for (Verb& v : all) {
    if (v.alias_of.empty()) continue;
    const auto target = std::ranges::find(all, v.alias_of, &Verb::name);
    const std::string_view name = v.name, alias_of = v.alias_of, family = v.family;
    v = *target;
    v.name = name;
    v.alias_of = alias_of;
    v.family = family;
  }
  return all;
}

const std::vector<Verb>& table() {
  static const std::vector<Verb> all = make_table();
  return all;
}

}  // namespace

std::span<const Verb> verbs() { return table(); }

const Verb* find_verb(std::string_view name) {
  const auto found = std::ranges::find(table(), name, &Verb::name);
  return found == table().end() ? nullptr : &*found;
}

bool may_stand(Where place, CodeKind code) {
  switch (place) {
    case Where::module: return code == CodeKind::driver;
    case Where::driver: return code != CodeKind::task;
    case Where::thread: return code == CodeKind::thread;
    case Where::policy: return code == CodeKind::policy;
    case Where::task: return code == CodeKind::task;
    case Where::outside: return code == CodeKind::thread || code == CodeKind::task;
    case Where::anywhere: return true;
  }
  return false;
}

std::vector<std::string> verb_names(CodeKind code) {
  std::vector<std::string> out;
  for (const Verb& v : table())
    if (may_stand(v.place, code)) out.emplace_back(v.name);
  return out;
}

}  // namespace unplug::scenarios

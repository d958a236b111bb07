// The families of verbs, each in its own file and with a line in families.def.
#pragma once

#include <vector>

#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {

// A verb under an old name.
inline Verb alias(std::string_view name, std::string_view of) {
  Verb v;
  v.name = name;
  v.alias_of = of;
  return v;
}

// A verb with a compile function of its own. `takes`: what its operand is called in forms.
inline Verb custom(std::string_view name, std::string_view takes, Where place, Execute execute, decltype(Verb::compile) compile,
                   std::vector<KeySpec> keys, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::custom;
  v.takes = takes;
  v.place = place;
  v.execute = execute;
  v.compile = compile;
  v.keys = std::move(keys);
  v.summary = summary;
  return v;
}

// What a lock's function does to it, by its name: foo_lock() and down_foo() take it, unlock and up release it.
constexpr LockEffect lock_effect(std::string_view function) {
  if (function.find("unlock") != std::string_view::npos || function.starts_with("up_")) return LockEffect::releases;
  return function.find("lock") != std::string_view::npos || function.starts_with("down_") ? LockEffect::takes : LockEffect::none;
}
// Another list of devres than that of the device which is bound, for devm_*() verbs.
constexpr KeySpec other_device{"dev", KeyKind::thing, false,
                               "whose devres list, if not that of the device that is bound: one that device_initialize declares",
                               EntityKind::device};

// Which table of operations the files of a thing have.
inline constexpr KeySpec fops_key{"fops", KeyKind::fops, false, "a table of the module's \"file_operations\"; without it, its \"fops\""};

// The verbs of one kind of thing, and what its model leaves out.
struct VerbFamily {
  EntityKind entity;
  std::string_view leaves_out;

  // A verb on such a thing.
  [[nodiscard]] Verb on_thing(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view models,
                              std::string_view summary) const {
    Verb v;
    v.name = name;
    v.operand = OperandKind::entity;
    v.entity = entity;
    v.execute = execute;
    v.keys = std::move(keys);
    v.models = models;
    v.leaves_out = leaves_out;
    v.summary = summary;
    return v;
  }
  // The verb that declares one, and does something to it as well.
  [[nodiscard]] Verb declares(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view models,
                              std::string_view summary) const {
    Verb v = on_thing(name, execute, std::move(keys), models, summary);
    v.operand = OperandKind::declaration;
    return v;
  }
  // The verb that declares one: a macro or a setup function that is covered by the memory it is in. It takes no step of its own but by
  // `again` (set_up_again<kind>), where the thing may have been used before.
  [[nodiscard]] Verb sets_up(std::string_view name, std::vector<KeySpec> keys, std::string_view models, std::string_view summary,
                             Execute again = nullptr) const {
    constexpr Execute no_step = [](Frame&, const Instruction&, std::uint32_t next) { return next; };
    Verb v = declares(name, again != nullptr ? again : no_step, std::move(keys), models, summary);
    v.acts = false;
    v.sets_up = again != nullptr;
    return v;
  }
};

#define FAMILY(word) std::vector<Verb> word##_verbs();
#include "unplug/scenarios/verbs/families.def"
#undef FAMILY

}  // namespace unplug::scenarios

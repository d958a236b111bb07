#include <algorithm>
#include <array>

#include "unplug/scenarios/verbs/families.hpp"

namespace unplug::scenarios {
namespace {

struct Family {
  std::string_view word;
  std::vector<Verb> (*verbs)();
};
#define FAMILY(word)                                                                                                                       \
  Family { #word, word##_verbs }
// One entry a family, in the order of documentation.
constexpr std::array families{FAMILY(memory), FAMILY(lock),         FAMILY(waiter),  FAMILY(rcu),     FAMILY(srcu),
                              FAMILY(work),   FAMILY(delayed_work), FAMILY(timer),   FAMILY(kthread), FAMILY(sysfs),
                              FAMILY(irq),    FAMILY(mmio),         FAMILY(chardev), FAMILY(flow),    FAMILY(task)};
#undef FAMILY

std::vector<Verb> make_table() {
  std::vector<Verb> all;
  for (const Family& family : families) {
    for (Verb& v : family.verbs()) {
      v.family = family.word;
      all.push_back(std::move(v));
    }
  }
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

std::vector<std::string> verb_names(Where place) {
  std::vector<std::string> out;
  for (const Verb& v : table())
    if (v.place == place || v.place == Where::anywhere) out.emplace_back(v.name);
  return out;
}

}  // namespace unplug::scenarios

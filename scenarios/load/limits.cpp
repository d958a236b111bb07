#include "unplug/scenarios/load/limits.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/scenarios/language/reader.hpp"
#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {
namespace {

template <class Visit> void each_step(const Program& p, Visit&& visit) {
  for (const Function& f : p.functions)
    for (const Instruction& i : f.code)
      if (i.site != no_site) visit(p.sites[i.site], i);
}

// Those of the verbs that the program has steps of, under the name that the file uses, sorted.
std::vector<std::string> used(const Program& p, std::string_view verbs) {
  std::vector<std::string> out;
  const std::vector<std::string> words = split_words(verbs);
  each_step(p, [&](const SiteSpec& s, const Instruction&) {
    const Verb* const v = find_verb(s.verb);
    const auto is = [&](const std::string& word) { return s.verb == word || (v != nullptr && v->alias_of == word); };
    if (std::ranges::any_of(words, is) && std::ranges::find(out, s.verb) == out.end()) out.push_back(s.verb);
  });
  std::ranges::sort(out);
  return out;
}

bool has(const Program& p, std::string_view verbs) { return !used(p, verbs).empty(); }

// --- Uses.

bool always(const Program& p, std::string_view verbs) { return has(p, verbs); }
bool several_devices(const Program& p, std::string_view) { return std::ranges::count(p.devices, true, &DeviceSpec::real) > 1; }
bool suppliers(const Program& p, std::string_view) {
  return std::ranges::any_of(p.devices, [](const DeviceSpec& d) { return !d.suppliers.empty(); });
}
bool with_get_sync(const Program& p, std::string_view verbs) { return has(p, verbs) && has(p, "pm_runtime_get_sync"); }
bool oneshot_on_edge(const Program& p, std::string_view verbs) {
  const auto is = [](const EntitySpec& e) {
    const std::uint64_t flags = e.number(irq_key::flags);
    return (flags & irq_flag::oneshot) != 0 && (flags & irq_flag::level) == 0;
  };
  return has(p, verbs) && std::ranges::any_of(p.of(EntityKind::irq), is);
}
bool without_else(const Program& p, std::string_view verbs) {
  bool found = false;
  const std::vector<std::string> words = split_words(verbs);
  each_step(p, [&](const SiteSpec& s, const Instruction& i) {
    found = found || (std::ranges::find(words, s.verb) != words.end() && i.target == no_target);
  });
  return found;
}
// An allocation that C does not clear, whose fields the file names.
bool with_fields(const Program& p, std::string_view verbs) {
  bool found = false;
  const std::vector<std::string> words = split_words(verbs);
  each_step(p, [&](const SiteSpec& s, const Instruction& i) {
    found = found || (std::ranges::find(words, s.verb) != words.end() && i.operand.kind == Operand::Kind::entity &&
                      !p.of(EntityKind::allocation)[i.operand.index].fields.empty());
  });
  return found;
}
bool never_disabled(const Program& p, std::string_view verbs) { return has(p, verbs) && !has(p, "pci_disable_device"); }
bool never_exited(const Program& p, std::string_view verbs) { return has(p, verbs) && !has(p, "percpu_ref_exit"); }
bool never_cleaned_up(const Program& p, std::string_view verbs) { return has(p, verbs) && !has(p, "cleanup_srcu_struct"); }
bool pulled_out(const Program& p, std::string_view verbs) {
  const auto pulls = [](const RemovalStage& s) { return s.kind == RemovalStage::Kind::unplug; };
  return has(p, verbs) && std::ranges::any_of(p.removal, pulls);
}
bool with_grace_period(const Program& p, std::string_view verbs) {
  return has(p, verbs) && has(p, "synchronize_rcu call_rcu kfree_rcu rcu_barrier");
}
bool spin_lock_alone(const Program& p, std::string_view verbs) { return has(p, verbs) && has(p, "spin_lock spin_lock_bh"); }

#define LIMIT(header, what, verbs, when, hides) Limit{#header, what, verbs, when, hides},
constexpr std::array table{
#include "unplug/scenarios/load/limits.def"
};
#undef LIMIT

}  // namespace

std::span<const Limit> limits() { return table; }

std::vector<std::string> not_judged(const Program& p) {
  std::vector<std::string> out;
  for (const Limit& l : table) {
    if (l.hides.empty() || !l.when(p, l.verbs)) continue;
    const std::vector<std::string> by = used(p, l.verbs);
    out.push_back(by.empty() ? fmt::format("{}: {}", l.what, l.hides) : fmt::format("{} ({}): {}", l.what, fmt::join(by, ", "), l.hides));
  }
  return out;
}

}  // namespace unplug::scenarios

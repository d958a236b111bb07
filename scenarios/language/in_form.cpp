#include "unplug/scenarios/language/in_form.hpp"

#include <algorithm>

#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {

bool in_form(Node step, const std::string& form) {
  const Node n = step.find("form");
  if (!n || form.empty()) return true;
  if (n.is(Node::Kind::string)) return n.string() == form;
  if (!n.is(Node::Kind::array)) return true;
  for (std::size_t i = 0; i < n.size(); ++i)
    if (n.at(i).is(Node::Kind::string) && n.at(i).string() == form) return true;
  return false;
}

bool names_form(Node step, const std::vector<std::string>& forms) {
  return std::ranges::any_of(forms, [&](const std::string& f) { return in_form(step, f); });
}

std::optional<std::size_t> verb_key(Node step) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < step.size(); ++i)
    if (step.key(i) != "do" && step.key(i) != "form" && find_verb(step.key(i)) != nullptr) found.push_back(i);
  if (found.size() == 1) return found.front();
  for (const std::size_t f : found) {
    const Verb* v = find_verb(step.key(f));
    const bool takes_all = std::ranges::all_of(found, [&](std::size_t other) {
      return other == f || std::ranges::any_of(v->keys, [&](const KeySpec& k) { return k.name == step.key(other); });
    });
    if (takes_all) return f;
  }
  return {};
}

}  // namespace unplug::scenarios

// What belongs to some members of a family only.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/scenarios/json/values.hpp"
#include "unplug/scenarios/load/sections.hpp"

namespace unplug::scenarios {

std::map<std::string, std::string> values_of_members(const Scenario& s, const LoadOptions& options, Node n, Diagnostics& out) {
  std::map<std::string, std::string> wanted;
  if (!n) return wanted;
  if (!n.is(Node::Kind::object)) {
    n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), "an object: parameters and the value they must have");
    return wanted;
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : s.members.front().values) names.push_back(name);
  for (std::size_t i = 0; i < n.size(); ++i) {
    const std::string name(n.key(i)), value = json_text(n.at(i));
    wanted[name] = value;
    if (std::ranges::find(names, name) == names.end()) {
      n.key_node(i).error(out, fmt::format("no parameter '{}'", name),
                          names.empty() ? "this file has no parameters" : fmt::format("one of: {}", fmt::join(names, ", ")),
                          nearest_word(name, names));
      continue;
    }
    std::vector<std::string> values;
    for (const Member& m : s.members)
      if (const std::string& v = m.values.at(name); std::ranges::find(values, v) == values.end()) values.push_back(v);
    // --param takes values away.
    if (options.params.empty() && std::ranges::find(values, value) == values.end())
      n.at(i).error(out, fmt::format("parameter '{}' is never {}", name, value), fmt::format("one of: {}", fmt::join(values, ", ")),
                    nearest_word(value, values));
  }
  return wanted;
}

void check_members_of_tasks(const Scenario& s, const LoadOptions& options, Diagnostics& out) {
  const Node run = s.document->root().find("run");
  for (const char* section : {"tasks", "threads"}) {
    const Node list = run.is(Node::Kind::object) ? run.find(section) : Node{};
    for (std::size_t i = 0; list.is(Node::Kind::object) && i < list.size(); ++i)
      if (list.at(i).is(Node::Kind::object)) values_of_members(s, options, list.at(i).find("params"), out);
  }
}

}  // namespace unplug::scenarios

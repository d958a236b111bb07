#include "unplug/scenarios/language/in_member.hpp"

#include "unplug/scenarios/json/values.hpp"

namespace unplug::scenarios {

bool is_in_member(Node task, const Parameters& member) {
  const Node wanted = task.is(Node::Kind::object) ? task.find("params") : Node{};
  for (std::size_t i = 0; wanted.is(Node::Kind::object) && i < wanted.size(); ++i) {
    const auto value = member.find(std::string(wanted.key(i)));
    if (value != member.end() && json_text(value->second) != json_text(wanted.at(i))) return false;
  }
  return true;
}

}  // namespace unplug::scenarios

#include "unplug/reports/view/members.hpp"

#include <algorithm>

#include "unplug/reports/page/layout.hpp"

namespace unplug::reports {

Parameters member_parameters(const std::string& member) {
  Parameters out;
  for (std::size_t at = 0; at < member.size();) {
    const std::size_t comma = member.find(", ", at);
    const std::string part = member.substr(at, comma == std::string::npos ? comma : comma - at);
    at = comma == std::string::npos ? member.size() : comma + 2;
    const std::size_t equals = part.find('=');
    if (equals != std::string::npos && equals != 0) {
      out.emplace_back(part.substr(0, equals), part.substr(equals + 1));
    } else if (!out.empty()) {
      out.back().second += ", " + part;
    }
  }
  return out;
}

std::string parameters_without(const Parameters& parameters, const std::string& name) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : parameters) {
    if (key != name) parts.push_back(key + "=" + value);
  }
  return join(parts, ", ");
}

std::string members_title(const std::vector<std::string>& members) {
  if (members.size() < 2) return members.empty() ? std::string() : members.front();
  for (const auto& [name, first] : member_parameters(members.front())) {
    const std::string rest = parameters_without(member_parameters(members.front()), name);
    std::vector<std::string> values;
    for (const std::string& member : members) {
      const Parameters parameters = member_parameters(member);
      const auto own = std::find_if(parameters.begin(), parameters.end(), [&wanted = name](const auto& p) { return p.first == wanted; });
      if (own == parameters.end() || parameters_without(parameters, name) != rest) break;
      values.push_back(own->second);
    }
    if (values.size() == members.size()) return name + "=" + join(values, ", ") + (rest.empty() ? "" : "; " + rest);
  }
  return join(members, "; ");
}

}  // namespace unplug::reports

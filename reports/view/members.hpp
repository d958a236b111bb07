// The parameters of a family's members, as their names spell them: "bars=3, removal=unbind".
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace unplug::reports {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// The name of a member as pairs; a comma inside a value stays in it.
[[nodiscard]] Parameters member_parameters(const std::string& member);

// The name of a member without one of its parameters.
[[nodiscard]] std::string parameters_without(const Parameters& parameters, const std::string& name);

// Several members in one title: "bars=1, 3, 6; removal=unbind" if they differ in one parameter only, else one after the other.
[[nodiscard]] std::string members_title(const std::vector<std::string>& members);

}  // namespace unplug::reports

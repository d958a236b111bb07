// A copy of a result in which every string is safe to print: a report never has to ask where a name came from.
#pragma once

#include <string>
#include <string_view>

#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

// `result` with every string replaced by `spell(string)`, for example printable() or ascii() of layout.hpp.
[[nodiscard]] scenarios::Result cleaned(const scenarios::Result& result, std::string (*spell)(std::string_view));

}  // namespace unplug::reports

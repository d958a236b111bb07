// From what was gathered to the cell of a result.
#pragma once

#include <optional>

#include "unplug/scenarios/run/search.hpp"

namespace unplug::scenarios {

// `searched`: how a search ended; none: executions were drawn. `given_up`: what a search had visited before they were. Findings are not
// among it.
[[nodiscard]] Cell make_cell(const Program& program, const Tally& tally, bool timed, const std::optional<Searched>& searched,
                             std::uint64_t drawn, std::uint64_t given_up);

}  // namespace unplug::scenarios

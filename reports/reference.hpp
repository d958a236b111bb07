// The reference of the scenario language as a page of Markdown, made from the published schemas and the tables in the code:
// docs/scenario-reference.md.
#pragma once

#include <string>

namespace unplug::reports {

[[nodiscard]] std::string reference_page();

}  // namespace unplug::reports

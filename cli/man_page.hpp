// Manual pages from the tree of options that reads the command line: groff's man macros, section 1.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace unplug::cli {

// unplug(1): the program as a whole, with a line a verb.
[[nodiscard]] std::string man_page(const CLI::App& app);
// unplug-VERB(1).
[[nodiscard]] std::string man_page(const CLI::App& app, const CLI::App& verb);

}  // namespace unplug::cli

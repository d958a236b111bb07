// This program, started again in a process of its own.
#pragma once

#include <string>
#include <vector>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::cli {

struct Child {
  int code = -1;                   // exit code; -1: it was killed, or could not be started
  std::vector<std::string> lines;  // what it printed on stdout
};
// `fixed_addresses`: without address space randomisation, where the system lets us turn it off.
Child run_self(const std::vector<std::string>& arguments, bool fixed_addresses);

// A path under which this process and those that it starts find what standard input holds, as often as they like; the path itself if that
// can't be had.
[[nodiscard]] std::string readable_again(const std::string& path, scenarios::Diagnostics& out);

}  // namespace unplug::cli

// This program, started again in a process of its own.
#pragma once

#include <string>
#include <vector>

namespace unplug::cli {

struct Child {
  int code = -1;                   // exit code; -1: it was killed, or could not be started
  std::vector<std::string> lines;  // what it printed on stdout
};
// `fixed_addresses`: without address space randomisation, where the system lets us turn it off.
Child run_self(const std::vector<std::string>& arguments, bool fixed_addresses);

}  // namespace unplug::cli

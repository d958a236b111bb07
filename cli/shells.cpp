#include "unplug/cli/shells.hpp"

#include "unplug/embedded/cli.hpp"

namespace unplug::cli {

std::vector<Shell> shells() {
  constexpr std::string_view folder = "completions/";
  std::vector<Shell> out;
  for (const embedded::EmbeddedFile& f : embedded::files()) out.push_back({f.name.substr(folder.size()), f.text});
  return out;
}

}  // namespace unplug::cli

// What the fuzz target runs on, without libFuzzer: every text loads, or is refused with errors that stand in it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fuzz/target.hpp"

TEST_CASE("the loader takes whatever the fuzz corpus holds: what ships, what is broken, what the fuzzer found") {
  for (const std::string folder : {"tests/fuzz/corpus", "tests/broken", "tests/warned", "scenarios"}) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (folder != "scenarios" || entry.path().extension() == ".json") files.push_back(entry.path());
    std::ranges::sort(files);
    CAPTURE(folder);
    CHECK(!files.empty());
    for (const auto& path : files) {
      CAPTURE(path.string());
      std::ifstream in(path, std::ios::binary);
      if (std::filesystem::is_directory(path)) continue;
      REQUIRE(in.is_open());
      unplug::fuzz::load({std::istreambuf_iterator<char>(in), {}});
    }
  }
}

// The access table, checked by machine: independent steps of every primitive commute (commute.hpp). An operation of the model that no pair
// contains fails the test.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>

#include "commute.hpp"

namespace unplug::model::test {
namespace {

std::vector<CommutationLab>& labs() {
  static std::vector<CommutationLab> all;
  return all;
}

}  // namespace

CommutationLab::CommutationLab(std::string_view t, std::uint64_t l, std::uint64_t (*r)(Covered&)) : title(t), least(l), run(r) {
  labs().push_back(*this);
}

const std::vector<CommutationLab>& commutation_labs() {
  std::ranges::sort(labs(), {}, &CommutationLab::title);
  return labs();
}

TEST_CASE("independent steps of every primitive commute, and every operation of the model is in a pair") {
  Covered covered;
  for (const CommutationLab& lab : commutation_labs()) {
    CAPTURE(lab.title);
    CHECK(lab.run(covered) > lab.least);
  }
  std::size_t operations = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(UNPLUG_SOURCE_DIR "/model")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    static const std::regex name(R"(\.name = "([^"]+)\")");
    for (auto m = std::sregex_iterator(text.begin(), text.end(), name); m != std::sregex_iterator(); ++m) {
      ++operations;
      CHECK_MESSAGE(covered.contains((*m)[1].str()), entry.path().filename().string(), ": no pair with '", (*m)[1].str(), "'");
    }
  }
  CHECK(operations > 80);
}

}  // namespace unplug::model::test

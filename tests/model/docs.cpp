// docs/kernel-model.md: what the model follows and leaves out has to be all there.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

namespace unplug::model::test {

TEST_CASE("docs: every primitive of the kernel model is listed in kernel-model.md") {
  std::ifstream in(UNPLUG_SOURCE_DIR "/docs/kernel-model.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::size_t headers = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(UNPLUG_SOURCE_DIR "/model/kernel")) {
    if (entry.path().extension() != ".hpp") continue;
    ++headers;
    CHECK_MESSAGE(text.find("| `" + entry.path().stem().string() + "` |") != std::string::npos, entry.path().filename().string());
  }
  CHECK(headers > 40);
}

}  // namespace unplug::model::test

// unplug corpus: what ships, as the files themselves say it.
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "program.hpp"

using namespace unplug::test;

TEST_CASE("corpus: each file of corpus/ and drivers/ with its title, and each form that its expectations name") {
  const Ran ran = run_unplug("corpus");
  CHECK(ran.code == 0);
  std::size_t files = 0;
  for (const char* folder : {"scenarios/corpus", "scenarios/drivers"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      CAPTURE(entry.path());
      ++files;
      const auto file = nlohmann::json::parse(read_file(entry.path()), nullptr, true, true);
      const std::size_t at = ran.out.find("\n  " + file["title"].get<std::string>() + "\n");
      REQUIRE(at != std::string::npos);
      const std::string entry_text = ran.out.substr(at, ran.out.find("\n\n", at) - at);
      for (const auto& row : file["expect"])
        if (row.contains("form") && row["form"].is_string()) CHECK(entry_text.find(row["form"].get<std::string>()) != std::string::npos);
    }
  }
  CHECK(ran.out.find("\n" + std::to_string(files) + " files: ") != std::string::npos);
  CHECK(ran.out.find("\nemac-work-vs-remove\n") != std::string::npos);
  CHECK(ran.out.find("    merged fix: double-release(irq)@emac_remove (exhaustive)\n") != std::string::npos);
  CHECK(ran.out.find("    sound: nothing (exhaustive)\n") != std::string::npos);
}

TEST_CASE("corpus: the same from any folder, where nothing ships beside the program") {
  const Folder f("elsewhere");
  CHECK(run_shell("cd " + f.path.string() + " && '" UNPLUG_BINARY "' corpus").out == run_unplug("corpus").out);
  CHECK(run_unplug("corpus emac 2>&1").code == 2);
}

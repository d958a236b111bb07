// What shells and `man` get from the program: candidates for the tab key, the scripts that ask for them, manual pages.
#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "program.hpp"

using namespace unplug::test;

namespace {

// The words offered behind these, of which the last one is being written.
std::set<std::string> offered(const std::string& line) {
  const Ran ran = run_unplug("__complete " + line);
  CHECK(ran.code == 0);
  std::set<std::string> words;
  std::istringstream in(ran.out);
  for (std::string l; std::getline(in, l);) words.insert(l.substr(0, l.find('\t')));
  return words;
}

// What bash makes of a line with the cursor at its end, by the script that `unplug completion bash` prints.
std::string completed(const std::string& words) {
  const Ran ran = run_shell("UNPLUG='" UNPLUG_BINARY "' bash --norc -c '"
                            "PATH=$(dirname \"$UNPLUG\"):$PATH; source <(unplug completion bash)\n"
                            "COMP_WORDS=(unplug " +
                            words +
                            "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                            "_unplug; printf \"%s\\n\" \"${COMPREPLY[@]}\"'");
  CHECK(ran.code == 0);
  return ran.out;
}

}  // namespace

TEST_CASE("completion: verbs, the options of each, and what may stand for their values") {
  const auto verbs = offered("''");
  for (const char* verb : {"run", "compare", "prove", "completion", "man"}) CHECK(verbs.contains(verb));
  CHECK_FALSE(verbs.contains("__complete"));
  CHECK(offered("pr") == std::set<std::string>{"prove"});
  CHECK(offered("run --po") == std::set<std::string>{"--policy"});
  CHECK(offered("schema --po").empty());
  CHECK(offered("run --policy srcu-f") == std::set<std::string>{"srcu-fence", ":files"});
  CHECK(offered("run --policy=srcu-f") == std::set<std::string>{"--policy=srcu-fence", ":files"});
  CHECK(offered("run nova-t") == std::set<std::string>{"nova-timer", ":files"});
  CHECK(offered("run --policy none nova-t") == std::set<std::string>{"nova-timer", ":files"});
  CHECK(offered("run --strategy bou") == std::set<std::string>{"bounded"});
  CHECK(offered("run --out ''") == std::set<std::string>{":folders"});
  CHECK(offered("new timer --out ''") == std::set<std::string>{":files"});
  CHECK(offered("new tim") == std::set<std::string>{"timer"});
  CHECK(offered("new timer ''").empty());  // the name is the user's
  CHECK(offered("list pol") == std::set<std::string>{"policies"});
  CHECK(offered("explain use-after-f") == std::set<std::string>{"use-after-free", ":files"});
  CHECK(offered("schema ''") == std::set<std::string>{"policy", "result", "scenario"});
  CHECK(offered("run --color a") == std::set<std::string>{"always", "auto"});
  CHECK(offered("no-such-verb ''") == verbs);
}

TEST_CASE("completion: forms are those of the file on the line") {
  CHECK(offered("run foo-misc --form ''") == std::set<std::string>{"buggy", "fixed"});
  CHECK(offered("diff foo-misc --forms buggy ''") == std::set<std::string>{"buggy", "fixed"});
  CHECK(offered("run --form ''").empty());
  CHECK(offered("run no-such-file --form ''").empty());
}

TEST_CASE("completion: a real bash") {
  CHECK(completed("comp") == "compare\ncompletion\n");
  CHECK(completed("run --without e").find("entry\n") != std::string::npos);
  CHECK(completed("run corpus/cros-ec-chardev-open-fd --form rw").find("rwsem\\,\\ not\\ in\\ release\n") != std::string::npos);
  CHECK(completed("run README.m") == "README.md\n");
  CHECK(completed("run --out te").find("tests\n") != std::string::npos);
}

TEST_CASE("completion: for bash, zsh and fish, and no other shell") {
  for (const char* shell : {"bash", "zsh", "fish"}) CHECK(run_unplug(std::string("completion ") + shell).code == 0);
  const Ran other = run_unplug("completion bsh 2>&1");
  CHECK(other.code == 2);
  CHECK(other.out.find("bash") != std::string::npos);
  CHECK(run_shell("'" UNPLUG_BINARY "' completion bash | bash -n").code == 0);
}

TEST_CASE("man: a page for the program and one for each verb, with all of its options") {
  const Ran all = run_unplug("man");
  CHECK(all.code == 0);
  for (const std::string verb : {"run", "compare", "list", "man"}) {
    CAPTURE(verb);
    CHECK(all.out.find("\\fB" + verb + "\\fR") != std::string::npos);
    CHECK(run_unplug("man " + verb).code == 0);
  }
  const Ran run = run_unplug("man run");
  std::istringstream help(run_unplug("run --help").out);
  for (std::string line; std::getline(help, line);) {
    const std::size_t option = line.find("--");
    if (option == std::string::npos || line.find_first_not_of(' ') > option) continue;
    std::string name = line.substr(option + 2, line.find_first_of(" ,=[", option) - option - 2);
    for (std::size_t at = name.find('-'); at != std::string::npos; at = name.find('-', at + 2)) name.insert(at, "\\");
    CHECK_MESSAGE(run.out.find("\\fB\\-\\-" + name) != std::string::npos, name);
  }
  CHECK(run_unplug("man rnu 2>&1").code == 2);
}

TEST_CASE("man: --all writes every page, and groff has nothing to say about them") {
  const Folder folder("man");
  REQUIRE(run_unplug("man --all " + (folder / "pages")).code == 0);
  const auto lines = [](const std::string& command) { return std::stoi(run_shell(command + " | wc -l").out); };
  CHECK(lines("ls " + (folder / "pages")) == 1 + lines("grep '^UNPLUG_VERB' cli/verbs.def"));
  if (run_shell("command -v groff > /dev/null").code == 0)
    CHECK(run_shell("groff -man -Tascii -ww -z " + (folder / "pages") + "/*.1 2>&1").out.empty());
  else
    MESSAGE("no groff here: what it would say of the pages is not known");
  write_file(folder / "file", "");
  CHECK(run_unplug("man --all " + (folder / "file") + " 2>&1").code == 3);
}

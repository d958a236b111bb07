// unplug verify FILE...: determinism. Every execution twice in this process and twice in new ones, one of them at fixed addresses.
#include <fmt/format.h>

#include "unplug/cli/child.hpp"
#include "unplug/cli/common.hpp"
#include "unplug/cli/progress.hpp"
#include "unplug/scenarios/run/verify.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::cli {
namespace {

struct Arguments {
  std::vector<std::string> files, strategies, policies;
  std::uint64_t executions = 20, seed = 1;
  unsigned jobs = 0;
  bool quiet = false;
  // What a new process is asked for: the digests of its one file, or the steps of one execution.
  bool print_digests = false;
  std::optional<std::size_t> print_steps;
};

std::vector<std::string> command(const Arguments& a, const std::string& file, const std::string& what) {
  std::vector<std::string> out{"verify",
                               file,
                               "--executions",
                               std::to_string(a.executions),
                               "--seed",
                               std::to_string(a.seed),
                               "--jobs",
                               std::to_string(threads(a.jobs)),
                               what};
  for (const std::string& s : a.strategies) out.insert(out.end(), {"--strategy", s});
  for (const std::string& p : a.policies) out.insert(out.end(), {"--policy", p});
  return out;
}

// Where two runs of one execution part; what is expected comes from this process.
void say_difference(const std::string& where, const std::string& execution, const std::vector<std::string>& expected,
                    const std::vector<std::string>& found) {
  const std::size_t step = scenarios::first_difference(expected, found);
  print_error(fmt::format("{} is not the same in {}", execution, where));
  if (step == std::string::npos) {
    print_error("  its steps are, the second time they are looked at");
    return;
  }
  print_error(fmt::format("  first differing step: {}", step));
  print_error(fmt::format("  here:  {}", step < expected.size() ? expected[step] : "no step"));
  print_error(fmt::format("  there: {}", step < found.size() ? found[step] : "no step"));
}

// Nothing is said of what was interrupted.
bool same(const Arguments& a, const std::string& file, const scenarios::Scenario& s, const scenarios::VerifyOptions& o,
          ProgressLine& progress) {
  const std::vector<std::string> expected = scenarios::digests(s, o);
  const auto check = [&](const std::string& where, const std::vector<std::string>& found, auto&& steps_there) {
    progress.clear();
    if (stop_asked()) return false;
    const std::size_t at = scenarios::first_difference(expected, found);
    if (at == std::string::npos) return true;
    if (at >= expected.size() || at >= found.size()) {
      print_error(fmt::format("{} executions here, {} in {}", expected.size(), found.size(), where));
    } else {
      say_difference(where, expected[at].substr(0, expected[at].rfind(" | 0x")), scenarios::steps_of(s, o, at), steps_there(at));
    }
    return false;
  };
  bool good =
      check("a second round in this process", scenarios::digests(s, o, 2), [&](std::size_t n) { return scenarios::steps_of(s, o, n); });
  for (const bool fixed : {false, true}) {
    const std::string where = fixed ? "a new process at fixed addresses" : "a new process";
    const Child child = run_self(command(a, file, "--print-digests"), fixed);
    if (stop_asked()) return false;
    if (child.code != as_expected) {
      print_error(fmt::format("{} ended with {}", where, child.code));
      good = false;
      continue;
    }
    good = check(where, child.lines,
                 [&](std::size_t n) { return run_self(command(a, file, fmt::format("--print-steps={}", n)), fixed).lines; }) &&
           good;
  }
  if (good && !a.quiet) say(fmt::format("{}: {} executions, each four times the same\n", file, expected.size()));
  return good;
}

}  // namespace

void add_verify(CLI::App& app, int& exit) {
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("verify", "determinism: executions twice in this process and twice in new ones, step by step");
  verb->add_option("FILE", a->files, "scenario files")->required();
  add_words(*verb, "--strategy", "STRATEGY", a->strategies, "default: mix and timed (repeatable)");
  add_words(*verb, "--policy", "POLICY", a->policies, "only this policy (repeatable)");
  add_number(
      *verb, "--executions", [a](std::uint64_t n) { a->executions = n; }, 1, 1'000'000, "of each cell");
  add_number(
      *verb, "--seed", [a](std::uint64_t n) { a->seed = n; }, 0, UINT64_MAX, "seed of the campaign");
  add_jobs(*verb, a->jobs);
  verb->add_flag("--quiet", a->quiet, "say only what differs");
  verb->add_flag("--print-digests", a->print_digests)->group("");
  verb->add_option("--print-steps", a->print_steps)->group("");
  verb->callback([a, &exit] {
    exit = bad_input;
    scenarios::VerifyOptions o;
    o.strategies = a->strategies.empty() ? std::vector<std::string>{"mix", "timed"} : a->strategies;
    o.executions = a->executions;
    o.seed = a->seed;
    o.jobs = threads(a->jobs);
    if (!check_strategies(o.strategies)) return;
    for (const std::string& s : o.strategies) {
      if (!sim::searches(s)) continue;
      print_error(
          fmt::format("verify: {} has no seeds; it checks that steps repeat by itself, and ends with exit code 3 if they don't", s));
      return;
    }
    scenarios::LoadOptions load;
    load.policies = a->policies;
    scenarios::Diagnostics diagnostics;
    std::vector<std::unique_ptr<scenarios::Scenario>> loaded;
    for (std::string& file : a->files) {
      // New processes read it as well.
      if (file == "-" && !a->print_digests && !a->print_steps) file = readable_again(file, diagnostics);
      if (auto s = scenarios::load_scenario(file, load, diagnostics)) loaded.push_back(std::move(s));
    }
    if (!a->print_digests && !a->print_steps) print(diagnostics, "auto");
    if (diagnostics.has_errors() || loaded.size() != a->files.size()) return;
    exit = as_expected;
    ProgressLine progress(a->quiet || a->print_digests || a->print_steps);
    o.progress = [&](std::uint64_t done, std::uint64_t all) { progress.show({.unit = "cell", .visited = done, .all = all}); };
    o.stop = stop_asked;
    catch_signals();
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      if (stop_asked()) {
        progress.clear();
        print_error(fmt::format("interrupted: {} of {} files were verified", i, loaded.size()));
        exit = interrupted + caught_signal();
        return;
      }
      progress.about(a->files[i]);
      if (a->print_digests || a->print_steps) {
        for (const std::string& line :
             a->print_steps ? scenarios::steps_of(*loaded[i], o, *a->print_steps) : scenarios::digests(*loaded[i], o))
          say(fmt::format("{}\n", line));
      } else if (!same(*a, a->files[i], *loaded[i], o, progress)) {
        exit = stop_asked() ? interrupted + caught_signal() : static_cast<int>(internal_error);
      }
    }
  });
}

}  // namespace unplug::cli

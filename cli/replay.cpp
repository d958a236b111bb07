// unplug replay FAILURE: the same trace and violation, strictly.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/cli/common.hpp"
#include "unplug/scenarios/run/failure_file.hpp"

namespace unplug::cli {
namespace {

using scenarios::ReplayResult;

void print_place(std::string_view what, const scenarios::Place& p) {
  say(fmt::format("  {:<11}'{}' in {}{}{}\n", what, p.task, p.function.empty() ? p.step : fmt::format("{}/{}", p.function, p.step),
                  p.operation.empty() ? "" : fmt::format(": {}", p.operation), p.source.empty() ? "" : fmt::format("  [{}]", p.source)));
  if (p.call_chain.size() > 1) say(fmt::format("  {:<11}{}\n", "", fmt::join(p.call_chain, " < ")));
}

int replay(const std::string& path, bool steps, bool quiet, bool lenient) {
  scenarios::Diagnostics diagnostics;
  const auto failure = scenarios::read_failure(path, diagnostics, lenient);
  const auto result = failure ? scenarios::replay_failure(*failure, diagnostics, lenient) : std::nullopt;
  if (!result) {
    print(diagnostics, "auto");
    return bad_input;
  }
  const auto& run = result->run;
  if (!quiet) {
    say(fmt::format("{}: {}{}, policy {}, removal {}\n", path, failure->scenario_path,
                    failure->form.empty() ? "" : fmt::format(", form {}", failure->form), failure->policy.name, failure->removal));
    if (lenient) say(fmt::format("lenient: {} decision(s) recorded, {} replaced\n", failure->decisions.size(), run.replaced));
    if (steps)
      for (const std::string& line : run.last_steps) say(fmt::format("{}\n", line));
  }
  switch (result->kind) {
    case ReplayResult::Kind::reproduced: {
      if (quiet) return not_as_expected;
      const scenarios::Finding& f = *run.finding;
      say(fmt::format("reproduced: {}\n  {}\n", f.signature, f.message));
      print_place("at", f.offender);
      if (f.ended_by) print_place("ended by", *f.ended_by);
      if (f.created_by) print_place("created by", *f.created_by);
      if (!f.feasibility.empty()) say(fmt::format("  {:<11}{}\n", "needs", f.feasibility));
      say(fmt::format("  {:<11}{} steps, fingerprint 0x{:016x}\n", "trace", run.steps, run.fingerprint));
      return not_as_expected;
    }
    case ReplayResult::Kind::diverged: {
      const sim::Divergence& d = *run.divergence;
      fmt::print(stderr, "unplug: the replay left the recorded path at step {}\n  expected  {}\n  found     {}\n", d.step, d.expected,
                 d.found);
      if (!d.enabled.empty()) fmt::print(stderr, "  enabled   {}\n", fmt::join(d.enabled, ", "));
      fmt::print(stderr, "  written by unplug {} (engine semantics {})\n", failure->tool_version, failure->engine_semantics);
      return not_reproduced;
    }
    case ReplayResult::Kind::without_violation:
      fmt::print(stderr,
                 "unplug: the recorded path was followed{}, but {}\n  expected  {} (fingerprint 0x{:016x})\n  found     {} (fingerprint "
                 "0x{:016x})\n",
                 lenient ? " as far as it fits" : "", run.finding ? "its trace is another one" : "it does not show the violation",
                 failure->signature, failure->fingerprint,
                 run.signatures.empty() ? "no violation" : fmt::format("{}", fmt::join(run.signatures, "; ")), run.fingerprint);
      return not_reproduced;
    case ReplayResult::Kind::failed: break;
  }
  print_error("internal error: " + run.outcome.message);
  return internal_error;
}

}  // namespace

void add_replay(CLI::App& app, int& exit) {
  struct Arguments {
    std::string file;
    bool steps = false, quiet = false, lenient = false;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("replay", "replay a failure file strictly: the same trace and violation");
  verb->add_option("FAILURE", a->file, "a failure file")->required();
  verb->add_flag("--steps", a->steps, "print every step");
  verb->add_flag("--lenient", a->lenient, "go on where a decision does not fit; say how many were replaced");
  verb->add_flag("--quiet", a->quiet, "only the exit code");
  verb->callback([a, &exit] { exit = replay(a->file, a->steps, a->quiet, a->lenient); });
}

}  // namespace unplug::cli

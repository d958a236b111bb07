#include "unplug/cli/common.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "unplug/cli/progress.hpp"
#include "unplug/reports/json/json.hpp"
#include "unplug/reports/writer.hpp"
#include "unplug/sim/semantics.hpp"
#include "unplug/sim/strategy.hpp"
#include "unplug/version.hpp"

namespace unplug::cli {
namespace {

// A result is stored now and then while others are run, so that what is finished is there if the program is killed.
constexpr auto stored_each = std::chrono::milliseconds(200);

std::string quoted(const std::string& word) { return word.find_first_of(" '\"$*") == std::string::npos ? word : fmt::format("'{}'", word); }

// The command that gives the same result again.
std::string command_line(const Options& o, const std::string& verb) {
  std::string out = "unplug " + verb;
  for (const std::string& f : o.files) out += " " + quoted(f);
  const auto each = [&](const char* option, const std::vector<std::string>& values) {
    for (const std::string& v : values) out += fmt::format(" {} {}", option, quoted(v));
  };
  each("--policy", o.policies);
  each("--form", o.forms);
  each("--without", o.without);
  if (verb != "prove") {
    each("--strategy", o.strategies);
  } else if (const auto bound = sim::preemption_bound(o.strategies.front())) {
    out += fmt::format(" --preemptions {}", *bound);
  }
  each("--param", o.params);
  // The default is no limit to exhaustive exploration; said aloud it would be.
  if (o.executions_given) out += fmt::format(" --executions {}", o.executions);
  out += fmt::format(" --seed {}", o.seed);
  if (!o.grace_period.empty()) out += " --gp " + o.grace_period;
  if (!o.limit.empty()) out += " --limit " + o.limit;
  if (!o.reduction.empty()) out += " --reduction " + o.reduction;
  return out;
}

// Whether the run ended in the middle of a cell.
bool cut_short(const scenarios::Result& result) {
  for (const scenarios::ScenarioResult& s : result.scenarios)
    for (const scenarios::Cell& c : s.cells)
      for (const std::string& b : c.evidence.bounds)
        if (b.starts_with("interrupted after")) return true;
  return false;
}

sim::Reductions reductions(const std::string& word) {
  return {.additions = word == "additions" || word == "both", .symmetry = word == "symmetry" || word == "both"};
}

bool option_error(const std::string& option, const std::string& message, const std::string& expected, const std::string& nearest) {
  scenarios::Diagnostics d;
  d.add({scenarios::Diagnostic::Severity::error, option, {}, {}, message, expected, nearest, {}, {}});
  print(d, "auto");
  return false;
}

bool read_load_options(const Options& o, scenarios::LoadOptions& load) {
  load.policies = o.policies;
  load.forms = o.forms;
  load.without = o.without;
  for (const std::string& p : o.params) {
    const std::size_t equals = p.find('=');
    if (equals == std::string::npos || equals == 0)
      return option_error("--param", fmt::format("'{}' is no assignment", p), "NAME=VALUE", {});
    load.params.emplace_back(p.substr(0, equals), p.substr(equals + 1));
  }
  if (!o.grace_period.empty()) {
    const auto d = scenarios::parse_duration(o.grace_period);
    if (!d) return option_error("--gp", fmt::format("'{}' is not a duration", o.grace_period), "a duration such as \"30ms\"", {});
    load.grace_period = *d;
  }
  return true;
}

}  // namespace

std::span<const ExitCode> exit_codes() {
  static constexpr std::array table{
      ExitCode{"0", "as expected: every expectation is met, or the file has none and nothing was found"},
      ExitCode{"1", "not as expected, or a replay that reproduced its violation"},
      ExitCode{"2", "usage or input; nothing is written then"},
      ExitCode{"3", "internal error, or output that can't be written"},
      ExitCode{"4", "a replay that did not reproduce its violation"},
      ExitCode{"128 + N", "interrupted by signal N; what is finished is reported"},
  };
  return table;
}

CLI::Option* add_words(CLI::App& verb, const std::string& name, const std::string& placeholder, std::vector<std::string>& into,
                       const std::string& what) {
  return verb.add_option(name, into, what)->type_name(placeholder)->take_all()->expected(1)->allow_extra_args(false);
}

CLI::Option* add_number(CLI::App& verb, const std::string& name, std::function<void(std::uint64_t)> set, std::uint64_t least,
                        std::uint64_t most, const std::string& what) {
  const auto read = [name, set = std::move(set), least, most](const std::string& text) {
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < least || n > most)
      throw CLI::ValidationError(name, fmt::format("'{}' is no whole number from {} to {}", text, least, most));
    set(n);
  };
  return verb.add_option_function<std::string>(name, read, what)->type_name("NUMBER");
}

void add_jobs(CLI::App& verb, unsigned& jobs) {
  add_number(
      verb, "--jobs", [&jobs](std::uint64_t n) { jobs = static_cast<unsigned>(n); }, 0, 1024,
      "threads; the result does not depend on it (default: one per CPU)");
}

void add_color(CLI::App& verb, std::string& color) {
  verb.add_option("--color", color, "auto, always or never")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}).description(""));
}

unsigned threads(unsigned jobs) { return jobs != 0 ? jobs : std::max(1U, std::thread::hardware_concurrency()); }

void add_options(CLI::App& verb, Options& o, const std::string& folder) {
  o.out = "unplug-out/" + folder;
  verb.add_option("FILE", o.files, "scenario files, names of those that ship (unplug list scenarios), or - for standard input")->required();
  add_words(verb, "--policy", "POLICY", o.policies, "only this policy: a name, or a policy file (repeatable)");
  add_words(verb, "--form", "FORM", o.forms, "only this form (repeatable)");
  add_words(verb, "--without", "PART", o.without, "leave a part of each policy out: entry, resource, pin, work, irq, ... (repeatable)");
  add_words(verb, "--strategy", "STRATEGY", o.strategies, "how choices are made (unplug list strategies; repeatable)");
  const auto executions = [&o](std::uint64_t n) {
    o.executions = n;
    o.executions_given = true;
  };
  add_number(verb, "--executions", executions, 1, 1'000'000'000,
             "executions of each cell (default 10000); of a search (dpor, bounded): stop after so many");
  add_number(
      verb, "--seed", [&o](std::uint64_t n) { o.seed = n; }, 0, UINT64_MAX, "seed of the campaign");
  add_jobs(verb, o.jobs);
  verb.add_option("--limit", o.limit, "the most time that one cell may take: 90s, 10m; what it has seen by then counts, as bounded")
      ->type_name("DURATION");
  add_words(verb, "--param", "NAME=VALUE", o.params, "fix a parameter, or the way of removal: removal=rmmod (repeatable)");
  verb.add_option("--gp", o.grace_period, "duration of every RCU grace period, for example 30ms")->type_name("DURATION");
  verb.add_option("--out", o.out, fmt::format("folder for what is written (default {})", o.out))->type_name("FOLDER");
  std::vector<std::string> formats;
  for (const reports::Writer& w : reports::writers()) formats.emplace_back(w.name);
  CLI::Option* const format = verb.add_option("--format", o.format, "print the result in this format (unplug list formats)")
                                  ->type_name("FORMAT")
                                  ->check(CLI::IsMember(formats).description(""));
  verb.add_flag("--json", o.json, "the same as --format json")->excludes(format);
  verb.add_flag("--quiet", o.quiet, "no progress, no table");
  add_color(verb, o.color);
}

bool colour(const std::string& when) {
  if (when != "auto") return when == "always";
  const char* no = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if ((no != nullptr && *no != '\0') || (term != nullptr && std::string_view(term) == "dumb")) return false;
  return ::isatty(STDOUT_FILENO) == 1;
}

std::size_t width() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) return size.ws_col;
  return 80;
}

void print(const scenarios::Diagnostics& diagnostics, const std::string& color) {
  const char* no = std::getenv("NO_COLOR");
  const bool colours = color == "always" || (color == "auto" && (no == nullptr || *no == '\0') && ::isatty(STDERR_FILENO) == 1);
  fmt::print(stderr, "{}", diagnostics.render(colours));
}

namespace {

bool output_failed = false;

void output_has_failed() {
  if (!std::exchange(output_failed, true)) fmt::print(stderr, "unplug: can't write to standard output: {}\n", std::strerror(errno));
}

}  // namespace

void say(std::string_view text) {
  if (output_failed) return;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) output_has_failed();
}

bool output_is_written() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) output_has_failed();
  return !output_failed;
}

void print_error(const std::string& message) { fmt::print(stderr, "unplug: {}\n", message); }

void row(std::string_view name, std::string_view text) {
  constexpr std::size_t column = 34;
  if (name.size() < column) {
    say(fmt::format("{:<{}}{}\n", name, column, text));
  } else {
    say(fmt::format("{}\n{:<{}}{}\n", name, "", column, text));
  }
}

int unknown_word(const std::string& what, const std::string& word, const std::string& expected, const std::vector<std::string>& known) {
  option_error(what, fmt::format("there is no '{}'", word), expected, scenarios::nearest_word(word, known));
  return bad_input;
}

std::string kind_of_file(const std::string& path) {
  scenarios::Diagnostics quiet;
  const auto d = scenarios::Document::load(path, quiet);
  const scenarios::Node n = d && d->root().is(scenarios::Node::Kind::object) ? d->root().find("unplug") : scenarios::Node{};
  if (!n.is(scenarios::Node::Kind::string)) return "scenario";
  return std::string(n.string().substr(0, n.string().find('/')));
}

bool check_strategies(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const sim::StrategyInfo& s : sim::strategies()) known.emplace_back(s.name);
  for (const std::string& n : names) {
    if (sim::known_strategy(n)) continue;
    std::string list;
    for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
    return option_error("--strategy", fmt::format("no strategy '{}'", n), list, scenarios::nearest_word(n, known));
  }
  return true;
}

std::optional<Ran> run_files(const Options& o, const std::vector<std::string>& strategies, const std::string& verb, int& exit) {
  exit = bad_input;
  scenarios::LoadOptions load;
  if (!read_load_options(o, load) || !check_strategies(o.strategies)) return {};
  const auto limit = parse_limit(o.limit);
  if (!o.limit.empty() && !limit) {
    option_error("--limit", fmt::format("'{}' is no time", o.limit), "a whole number of ms, s, m, h or d: \"10m\"", {});
    return {};
  }
  if (o.out.empty()) {
    option_error("--out", "no folder", "a folder to write to", {});
    return {};
  }
  // Everything is loaded before anything runs: on bad input nothing is written.
  scenarios::Diagnostics diagnostics;
  std::vector<std::unique_ptr<scenarios::Scenario>> loaded;
  for (const std::string& file : o.files)
    if (auto s = scenarios::load_scenario(file, load, diagnostics)) loaded.push_back(std::move(s));
  print(diagnostics, o.color);
  if (diagnostics.has_errors() || loaded.size() != o.files.size()) return {};

  Ran ran;
  ran.result.tool_version = std::string(version);
  ran.result.engine_semantics = sim::engine_semantics;
  ran.result.command = command_line(o, verb);
  ran.output = std::make_unique<scenarios::Output>(o.out);
  std::string error;
  if (!ran.output->open(ran.result.command, error)) {
    print_error(error);
    return {};
  }
  scenarios::FailureStore failures(*ran.output, "failures");
  ProgressLine progress(o.quiet);
  scenarios::RunOptions options;
  options.strategies = o.strategies.empty() ? strategies : o.strategies;
  options.strategies_given = !o.strategies.empty();
  options.executions = o.executions;
  if (o.executions_given) options.max_traces = o.executions;
  options.profile = o.profile;
  if (!o.reduction.empty()) options.reductions = reductions(o.reduction);
  options.seed = o.seed;
  options.jobs = threads(o.jobs);
  options.command = "unplug";
  options.failures = &failures;
  options.progress = [&](const scenarios::Progress& p) { progress.show(p); };
  options.stop = stop_asked;
  if (limit) options.limit = [&] { return time_is_up(*limit); };
  options.limit_words = o.limit;
  catch_signals();
  std::size_t all = 0, done = 0;
  for (const auto& s : loaded) all += scenarios::cell_count(*s, options);
  auto stored = Clock::now();
  options.finished = [&](const scenarios::ScenarioResult& so_far) {
    if (Clock::now() - stored < stored_each) return;
    scenarios::Result part = ran.result;
    part.scenarios.push_back(so_far);
    part.incomplete = fmt::format("still running, or killed: {} of {} cells were run", done + so_far.cells.size(), all);
    ran.output->write("result.json", reports::write_json(part));
    stored = Clock::now();
  };
  for (const auto& s : loaded) {
    if (stop_asked()) break;
    progress.about(s->path);
    ran.result.scenarios.push_back(scenarios::run_scenario(*s, options, load, ran.problems));
    done += ran.result.scenarios.back().cells.size();
  }
  progress.clear();
  ran.signal = caught_signal();
  if (ran.signal != 0 && (done != all || cut_short(ran.result)))
    ran.result.incomplete =
        fmt::format("interrupted: {} of {} cells were run{}", done, all, cut_short(ran.result) ? ", some not to their end" : "");
  else if (done != all)
    ran.result.incomplete = fmt::format("{} of {} cells were run", done, all);
  ran.output->write("result.json", reports::write_json(ran.result));
  exit = as_expected;
  return ran;
}

void print_result(const Options& o, const scenarios::Result& result) {
  const std::string format = o.json ? "json" : o.format;
  if (format.empty() && o.quiet) return;
  say(reports::find_writer(format.empty() ? "terminal" : format)->write(result, {width(), colour(o.color)}));
}

int show(const Options& o, const Ran& ran) {
  print_result(o, ran.result);
  return finish(ran, scenarios::as_expected(ran.result) ? as_expected : not_as_expected);
}

int finish(const Ran& ran, int otherwise) {
  const bool whole = ran.result.incomplete.empty();
  if (whole && ran.problems.empty()) ran.output->complete();
  bool internal = false;
  for (const scenarios::RunProblem& p : ran.problems) {
    print_error(p.internal ? "internal error: " + p.message : p.message);
    internal = internal || p.internal;
  }
  if (!ran.output->problem().empty()) print_error(ran.output->problem());
  if (!whole) print_error(ran.result.incomplete);
  if (internal || !ran.output->problem().empty()) return internal_error;
  if (!ran.problems.empty()) return bad_input;
  return whole ? otherwise : interrupted + ran.signal;
}

}  // namespace unplug::cli

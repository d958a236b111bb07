#include "unplug/cli/common.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "unplug/reports/json.hpp"
#include "unplug/reports/writer.hpp"
#include "unplug/sim/semantics.hpp"
#include "unplug/sim/strategy.hpp"
#include "unplug/version.hpp"

namespace unplug::cli {
namespace {

// Progress belongs on a terminal, on stderr, and leaves no trace there.
class Progress {
 public:
  explicit Progress(bool quiet) : on_(!quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void file(const std::string& name) { file_ = name; }
  void show(std::size_t cell, std::size_t cells, std::uint64_t done, std::uint64_t all) {
    if (!on_) return;
    const std::uint64_t percent = cells == 0 || all == 0 ? 100 : ((cell - 1) * 100 + done * 100 / all) / cells;
    if (last_.exchange(percent) == percent) return;
    fmt::print(stderr, "\r\033[K{}: {:>3} %  cell {} of {}", file_, percent, cell, cells);
    std::fflush(stderr);
  }
  void clear() {
    if (on_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool on_;
  std::string file_;
  std::atomic<std::uint64_t> last_{101};
};

// SIGINT and SIGTERM end a run at the next execution; what is finished by then is reported. A second one kills.
std::atomic<bool> stop_asked{false};
std::atomic<int> stop_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void ask_to_stop(int signal) {
  stop_signal = signal;
  stop_asked = true;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction old {};
    // Who ignores it goes on ignoring it: nohup, jobs in the background.
    if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

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
  return out;
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

void add_options(CLI::App& verb, Options& o, const std::string& default_out) {
  o.out = default_out;
  verb.add_option("FILE", o.files, "scenario files")->required();
  verb.add_option("--policy", o.policies, "only this policy: a name, or a policy file (repeatable)")->take_all()->expected(1);
  verb.add_option("--form", o.forms, "only this form (repeatable)")->take_all()->expected(1);
  verb.add_option("--without", o.without, "leave a part of each policy out: entry, resource, pin, work, irq, ... (repeatable)")
      ->take_all()
      ->expected(1);
  verb.add_option("--strategy", o.strategies, "how choices are made (unplug list strategies; repeatable)")->take_all()->expected(1);
  verb.add_option_function<std::uint64_t>(
          "--executions",
          [&o](std::uint64_t n) {
            o.executions = n;
            o.executions_given = true;
          },
          "executions of each cell (default 10000); of a search (dpor, bounded): stop after so many")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  verb.add_option("--seed", o.seed, "seed of the campaign");
  verb.add_option("--jobs", o.jobs, "threads; the result does not depend on it (default: one per CPU)")->check(CLI::Range(0U, 1024U));
  verb.add_option("--param", o.params, "NAME=VALUE: fix a parameter, or the way of removal: removal=rmmod (repeatable)")
      ->take_all()
      ->expected(1);
  verb.add_option("--gp", o.grace_period, "duration of every RCU grace period, for example 30ms");
  verb.add_option("--out", o.out, "where files are written");
  verb.add_flag("--json", o.json, "print the result as one JSON document");
  verb.add_flag("--quiet", o.quiet, "no progress, no table");
  verb.add_option("--color", o.color, "auto, always or never")->check(CLI::IsMember({"auto", "always", "never"}));
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

void print_error(const std::string& message) { fmt::print(stderr, "unplug: {}\n", message); }

void row(std::string_view name, std::string_view text) {
  constexpr std::size_t column = 34;
  if (name.size() < column) {
    fmt::print("{:<{}}{}\n", name, column, text);
  } else {
    fmt::print("{}\n{:<{}}{}\n", name, "", column, text);
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
  Progress progress(o.quiet);
  scenarios::RunOptions options;
  options.strategies = o.strategies.empty() ? strategies : o.strategies;
  options.strategies_given = !o.strategies.empty();
  options.executions = o.executions;
  if (o.executions_given) options.max_traces = o.executions;
  options.seed = o.seed;
  options.jobs = o.jobs != 0 ? o.jobs : std::max(1U, std::thread::hardware_concurrency());
  options.command = "unplug";
  options.failures = o.out + "/failures";
  options.progress = [&](std::size_t cell, std::size_t cells, std::uint64_t done, std::uint64_t all) {
    progress.show(cell, cells, done, all);
  };
  // Failure files of an earlier run would be taken for this one's.
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options.failures, ignored))
    if (entry.path().extension() == ".json") std::filesystem::remove(entry.path(), ignored);
  options.stop = &stop_asked;
  catch_signals();
  std::size_t all = 0, done = 0;
  for (const auto& s : loaded) {
    all += scenarios::cell_count(*s, options);
    if (stop_asked) continue;
    progress.file(s->path);
    ran.result.scenarios.push_back(scenarios::run_scenario(*s, options, load, ran.problems));
    done += ran.result.scenarios.back().cells.size();
  }
  ran.signal = stop_signal;
  if (done != all) ran.result.incomplete = fmt::format("interrupted: {} of {} cells were run", done, all);
  exit = as_expected;
  return ran;
}

int show(const Options& o, const Ran& ran) {
  if (o.json) {
    fmt::print("{}", reports::write_json(ran.result));
  } else if (!o.quiet) {
    fmt::print("{}", reports::find_writer("terminal")->write(ran.result, {width(), colour(o.color)}));
  }
  return finish(ran, scenarios::as_expected(ran.result) ? as_expected : not_as_expected);
}

int finish(const Ran& ran, int otherwise) {
  bool internal = false;
  for (const scenarios::RunProblem& p : ran.problems) {
    print_error(p.internal ? "internal error: " + p.message : p.message);
    internal = internal || p.internal;
  }
  if (!ran.result.incomplete.empty()) print_error(ran.result.incomplete);
  if (internal) return internal_error;
  if (!ran.problems.empty()) return bad_input;
  return ran.result.incomplete.empty() ? otherwise : interrupted + ran.signal;
}

}  // namespace unplug::cli

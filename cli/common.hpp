// What the verbs share: options, exit codes, terminal, messages.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "unplug/scenarios/run/runner.hpp"

namespace unplug::cli {

// Exit codes that scripts rely on; exit_codes() says them to people.
enum Exit : int {
  as_expected = 0,      // every expectation met, or without expectations no violation
  not_as_expected = 1,  // an expectation unmet, an unexpected violation, or a replay that reproduced its violation
  bad_input = 2,        // usage or input
  internal_error = 3,   // a bug of ours, loss of determinism included
  not_reproduced = 4,   // a replay that diverged, or ran through without its violation
  interrupted = 128     // and the number of the signal: what was finished has been reported
};

struct ExitCode {
  std::string_view code, meaning;
};
[[nodiscard]] std::span<const ExitCode> exit_codes();

// Options of everything that runs scenarios.
struct Options {
  std::vector<std::string> files;
  std::vector<std::string> policies, forms, without, strategies, params;
  std::uint64_t executions = 10'000, seed = 1;
  bool executions_given = false;
  std::string reduction;                                         // prove: which, if not both
  bool profile = false;                                          // prove: what traces differ in
  unsigned jobs = 0;                                             // 0: as many as there are CPUs
  std::string grace_period, out, limit, format, color = "auto";  // no format: the one for people
  bool json = false, quiet = false;
};

// Adds the common options to a verb. Without --out it writes to unplug-out/`folder`.
void add_options(CLI::App& verb, Options& o, const std::string& folder);
// Options that take one value each time that they are given, and all their values.
// `placeholder`: what one value is called ("POLICY"), which is how completion knows what to offer (placeholders.hpp).
CLI::Option* add_words(CLI::App& verb, const std::string& name, const std::string& placeholder, std::vector<std::string>& into,
                       const std::string& what);
// One that takes a whole number from `least` to `most`; anything else is refused, with what was expected.
CLI::Option* add_number(CLI::App& verb, const std::string& name, std::function<void(std::uint64_t)> set, std::uint64_t least,
                        std::uint64_t most, const std::string& what);
// --jobs, --color.
void add_jobs(CLI::App& verb, unsigned& jobs);
void add_color(CLI::App& verb, std::string& color);
// As many threads as were asked for, or as there are CPUs.
[[nodiscard]] unsigned threads(unsigned jobs);

// Colour on stdout: --color, NO_COLOR, and whether it is a terminal.
[[nodiscard]] bool colour(const std::string& when);
// Columns of the terminal; 80 if there is none.
[[nodiscard]] std::size_t width();

// Prints diagnostics to stderr.
void print(const scenarios::Diagnostics& diagnostics, const std::string& color);
void print_error(const std::string& message);

// A line of a list: a word and what it is.
void row(std::string_view name, std::string_view text);
// Prints to standard output. Once that has failed, which is said, nothing more is printed; output_is_written() then tells.
void say(std::string_view text);
// Writes out what is left in buffers. false: something could not be written, and has been said.
[[nodiscard]] bool output_is_written();

// Complains that `word` is none of `known`, with the nearest; answers the exit code.
int unknown_word(const std::string& what, const std::string& word, const std::string& expected, const std::vector<std::string>& known);

// What a file says it is: the word before the slash of its "unplug" entry; scenarios need not say.
[[nodiscard]] std::string kind_of_file(const std::string& path);
// The schemas that `unplug schema` prints: kind, what it describes.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> schema_list();

// Whether all are strategies; complains about the first that is none.
bool check_strategies(const std::vector<std::string>& names);

// Loads and runs all files, and stores the result in the output folder. On bad input prints why, writes nothing and returns an exit code
// through `exit`.
struct Ran {
  std::unique_ptr<scenarios::Output> output;
  scenarios::Result result;
  std::vector<scenarios::RunProblem> problems;
  int signal = 0;  // that interrupted it
};
std::optional<Ran> run_files(const Options& o, const std::vector<std::string>& strategies, const std::string& verb, int& exit);
// Prints the result as --format, --json and --quiet say.
void print_result(const Options& o, const scenarios::Result& result);
// The same; takes away what earlier runs have left, prints problems; the exit code.
int show(const Options& o, const Ran& ran);
// Prints problems; the exit code they call for, or `otherwise`.
int finish(const Ran& ran, int otherwise);

// --- The verbs: each registers itself on the program and stores what its run answers in `exit`.
#define UNPLUG_VERB(name) void add_##name(CLI::App& app, int& exit);
#include "unplug/cli/verbs.def"
#undef UNPLUG_VERB

}  // namespace unplug::cli

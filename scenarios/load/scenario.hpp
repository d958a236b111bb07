// A scenario file, loaded: everything checked, every variant compiled, ready to run.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/language/reader.hpp"
#include "unplug/scenarios/program/program.hpp"
#include "unplug/scenarios/result/result.hpp"

namespace unplug::scenarios {

// One member of the family that parameters and ways of removal span.
struct Member {
  std::string name;                           // "bars=3, removal=unbind+rmmod": the dimensions with more than one value; may be empty
  std::map<std::string, std::string> values;  // every parameter, as JSON text
  std::vector<RemovalStage> removal;
  Parameters parameters;
};

// "class(object)@function" with "*" or nothing for anything.
struct Pattern {
  std::string text, violation_class, object, function;
  [[nodiscard]] bool matches(std::string_view c, std::string_view object, std::string_view function) const;
};

// One closed-world row.
struct ExpectRow {
  std::vector<std::string> forms, policies, removals;  // empty: all; removals by name: "unbind+rmmod"
  std::map<std::string, std::string> params;           // member must have these values (JSON text)
  std::vector<Pattern> must, may, forbid;
  bool must_given = false;         // the row has the key: an empty list says that there is nothing, and that this means something
  bool in_any = false;             // `must` in any cell that it speaks of, not in each
  std::vector<std::string> never;  // what never happens, and is accepted: "foo_open with foo_remove"
  std::string evidence;            // "", "sampled", "bounded", "exhaustive"
  // How many of them there are, exactly.
  std::optional<std::uint64_t> executions, blocked, failing, states;
  std::string why;

  [[nodiscard]] bool speaks_of(const Member& member, const std::string& form, const std::string& policy) const;
};

struct Scenario {
  std::unique_ptr<Document> document;
  std::vector<std::unique_ptr<Document>> overrides;  // values given by --param
  std::string path, name, title, source;
  std::vector<Member> members;
  std::vector<std::string> forms;      // that are run; one empty form if the file has none
  std::vector<std::string> all_forms;  // that the file has
  std::vector<PolicyFile> policies;
  std::vector<std::string> strategies;  // from the file; empty: the caller's default
  std::vector<ExpectRow> expect;
  std::vector<std::string> defaults_taken;

  // The program of a variant, compiled when the file was loaded.
  // Policies of mechanisms alone share one.
  [[nodiscard]] std::shared_ptr<const Program> program(std::size_t member, std::size_t form, std::size_t policy) const {
    return programs[(member * forms.size() + form) * policies.size() + policy];
  }
  std::vector<std::shared_ptr<const Program>> programs;
};

struct LoadOptions {
  std::vector<std::pair<std::string, std::string>> params;  // --param NAME=VALUE
  std::vector<std::string> policies;                        // --policy, instead of the file's
  std::optional<PolicyFile> policy;                         // instead of any by name
  std::vector<std::string> without;                         // --without, on each policy
  std::vector<std::string> forms;                           // --form
  std::optional<sim::Duration> grace_period;                // --gp
  std::string removal;                                      // only this way, by name ("unbind+rmmod")
};

// Loads a file. Null if it has errors; warnings may be reported in any case.
std::unique_ptr<Scenario> load_scenario(const std::string& path, const LoadOptions& options, Diagnostics& out);
// The same from text; `name` stands for the path.
std::unique_ptr<Scenario> parse_scenario(std::string text, std::string name, const LoadOptions& options, Diagnostics& out);

// What is wrong with the steps of a policy, whatever scenario it is used with. False if anything is; then it has been reported.
bool check_steps(const PolicyFile& policy, Diagnostics& out);

// "unbind+rmmod"
[[nodiscard]] std::string removal_name(const std::vector<RemovalStage>& stages);

}  // namespace unplug::scenarios

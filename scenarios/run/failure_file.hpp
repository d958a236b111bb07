// Failure files: one violation, replayable anywhere. Kind "failure/1".
//
// Self-contained: the scenario's text, the policy's mechanisms, form, parameters and way of removal are inside; decisions are by stable
// names and only where there was more than one alternative. Written atomically, named by signature.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/run/explain.hpp"

namespace unplug::scenarios {

struct FailureFile {
  int engine_semantics = 0;
  std::string tool_version;
  std::string scenario_path, scenario_text, scenario_hash;
  PolicyFile policy;
  std::string form;
  std::map<std::string, std::string> params;  // JSON text by name
  std::string removal;
  std::optional<sim::Duration> grace_period;  // --gp
  std::string strategy;                       // that found it
  std::uint64_t seed = 0, index = 0;
  bool timed = false;
  std::string signature, violation_class, message;
  std::uint64_t fingerprint = 0, steps = 0;
  std::vector<sim::Decision> decisions;
};

[[nodiscard]] std::string to_json(const FailureFile& f);
// Reads one. None if it is no failure file of this version; then it has been reported (with the right verb for files of another kind).
std::optional<FailureFile> read_failure(const std::string& path, Diagnostics& out, bool lenient = false);
std::optional<FailureFile> read_failure(const Document& document, Diagnostics& out, bool lenient = false);

// "use-after-unmap-bar0-nova_ioctl-3f2a9c1e.json"
[[nodiscard]] std::string file_name(const Finding& finding, const std::string& variant);
struct ReplayResult {
  enum class Kind { reproduced, diverged, without_violation, failed } kind = Kind::failed;
  Explainer::Replay run;
  bool same_fingerprint = false;
};
// Replays a failure in this process. Errors of the inlined scenario (another version of the language) are reported; none then.
// `lenient`: follows the decisions as far as they fit; any trace that shows the violation counts as reproduced.
std::optional<ReplayResult> replay_failure(const FailureFile& f, Diagnostics& out, bool lenient = false);

// 16 hex digits over the text of a file.
[[nodiscard]] std::string text_hash(std::string_view text);

}  // namespace unplug::scenarios

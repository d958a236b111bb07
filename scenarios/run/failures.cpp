#include "unplug/scenarios/run/failures.hpp"

#include <fmt/format.h>

namespace unplug::scenarios {

std::string FailureStore::offer(const FailureFile& failure, const Finding& finding, const std::string& scenario,
                                const Simplicity& simplicity) {
  const std::string variant = fmt::format("{}|{}|{}|{}", scenario, failure.scenario_hash, failure.form, failure.policy.name);
  const std::string name = fmt::format("{}/{}", folder_, file_name(finding, variant)), path = output_.path(name);
  const std::scoped_lock lock(mutex_);
  const auto before = kept_.find(path);
  if (before != kept_.end() && before->second <= simplicity) return path;
  if (!output_.write(name, to_json(failure))) return before == kept_.end() ? std::string{} : path;
  kept_[path] = simplicity;
  return path;
}

bool FailureStore::shows(const std::string& path, std::size_t cell) {
  const std::scoped_lock lock(mutex_);
  const auto kept = kept_.find(path);
  return kept != kept_.end() && std::get<2>(kept->second) == cell;
}

}  // namespace unplug::scenarios

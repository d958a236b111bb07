#include "unplug/scenarios/run/failures.hpp"

#include <fmt/format.h>

namespace unplug::scenarios {

std::string FailureStore::offer(const FailureFile& failure, const Finding& finding, const std::string& scenario,
                                const Simplicity& simplicity) {
  const std::string variant = fmt::format("{}|{}|{}", scenario, failure.form, failure.policy.name);
  const std::string name = fmt::format("{}/{}", folder_, file_name(finding, variant));
  const std::scoped_lock lock(mutex_);
  const auto before = kept_.find(name);
  if (before != kept_.end() && before->second <= simplicity) return output_.path(name);
  if (!output_.write(name, to_json(failure))) return before == kept_.end() ? std::string{} : output_.path(name);
  kept_[name] = simplicity;
  return output_.path(name);
}

}  // namespace unplug::scenarios

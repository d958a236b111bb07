// Quantiles in constant memory: counts in buckets of at most 1/512 relative width, exact below 1024; largest value exact. Merging is
// adding, so the result does not depend on how work was split.
#pragma once

#include <cstdint>
#include <vector>

namespace unplug::sim {

class Histogram {
 public:
  void add(std::uint64_t value, std::uint64_t times = 1);
  void merge(const Histogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  // Nearest rank: the smallest recorded value (to bucket width, never above max()) such that at least per_mille/1000 of all are not above
  // it. 0 if empty.
  [[nodiscard]] std::uint64_t quantile(std::uint64_t per_mille) const;

 private:
  std::vector<std::uint64_t> buckets_;  // grown on demand
  std::uint64_t count_ = 0, max_ = 0;
};

}  // namespace unplug::sim

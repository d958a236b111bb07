#include "unplug/sim/histogram.hpp"

#include <algorithm>
#include <bit>

namespace unplug::sim {
namespace {

// Values below 1024 have a bucket each; above, every power of two is cut into 512.
std::size_t bucket_of(std::uint64_t v) {
  if (v < 1024) return v;
  const auto exponent = static_cast<std::uint64_t>(std::bit_width(v)) - 10;  // v >> exponent is in [512, 1024)
  return exponent * 512 + (v >> exponent);
}

std::uint64_t upper_end(std::size_t bucket) {
  if (bucket < 1024) return bucket;
  const std::uint64_t exponent = bucket / 512 - 1;
  return ((bucket % 512 + 512 + 1) << exponent) - 1;
}

}  // namespace

void Histogram::add(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  const std::size_t b = bucket_of(value);
  if (b >= buckets_.size()) buckets_.resize(b + 1, 0);
  buckets_[b] += times;
  count_ += times;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size(), 0);
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::quantile(std::uint64_t per_mille) const {
  if (count_ == 0) return 0;
  const std::uint64_t rank = std::max<std::uint64_t>(1, (count_ * per_mille + 999) / 1000);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(upper_end(i), max_);
  }
  return max_;
}

}  // namespace unplug::sim

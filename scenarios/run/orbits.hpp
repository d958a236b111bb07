// The traces up to renaming that a search has visited, by fingerprint, for several threads. Sixteen bytes each, at most.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

namespace unplug::scenarios {

class Orbits {
 public:
  // Whether it was not there.
  bool insert(std::uint64_t fingerprint) {
    Part& p = parts_[fingerprint % parts_.size()];
    const std::scoped_lock lock(p.mutex);
    if (2 * (p.count + 1) > p.slots.size()) grow(p);
    const bool fresh = put(p.slots, fingerprint);
    p.count += fresh ? 1 : 0;
    return fresh;
  }

 private:
  static constexpr std::uint64_t empty = 0;  // a fingerprint that is 0 counts as 1
  struct Part {
    std::mutex mutex;
    std::vector<std::uint64_t> slots;  // open addressing: fingerprints are hashes already
    std::size_t count = 0;
  };
  static bool put(std::vector<std::uint64_t>& slots, std::uint64_t f) {
    if (f == empty) f = 1;
    std::size_t i = (f >> 8U) % slots.size();
    while (slots[i] != empty && slots[i] != f) i = i + 1 == slots.size() ? 0 : i + 1;
    const bool fresh = slots[i] == empty;
    slots[i] = f;
    return fresh;
  }
  static void grow(Part& p) {
    std::vector<std::uint64_t> more(p.slots.empty() ? 64 : 2 * p.slots.size(), empty);
    for (const std::uint64_t f : p.slots)
      if (f != empty) put(more, f);
    p.slots = std::move(more);
  }
  std::array<Part, 16> parts_;
};

}  // namespace unplug::scenarios

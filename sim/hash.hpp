// Hashing and drawing with fixed arithmetic: the same bits with every compiler, library and run.
#pragma once

#include <cstdint>
#include <string_view>

namespace unplug::sim {

// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection on 64 bits in which every input bit moves every output bit.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// Order-dependent combination of two hashes, or of small numbers.
[[nodiscard]] constexpr std::uint64_t combine(std::uint64_t a, std::uint64_t b) {
  return mix(a * 0x9e3779b97f4a7c15U + b + 0x632be59bd9b4e019U);
}

// FNV-1a over bytes, finished by mix().
[[nodiscard]] constexpr std::uint64_t hash_bytes(std::string_view bytes) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix(h);
}

// The multiply-shift reduction of a 64-bit draw to 0 .. bound-1 (bound > 0). Its bias is below bound / 2^64.
[[nodiscard]] constexpr std::uint64_t reduce(std::uint64_t draw, std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(draw) * bound) >> 64U);
}

// splitmix64 as a sequential generator: seeding costs nothing, so every execution has its own.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed + increment), ready_(mix(state_)) {}
  constexpr std::uint64_t next() {
    // The value after this one is made ahead of time: a choice is what all else waits for.
    const std::uint64_t value = ready_;
    ready_ = mix(state_ += increment);
    return value;
  }
  constexpr std::uint64_t below(std::uint64_t bound) { return reduce(next(), bound); }  // 0 .. bound-1; bound > 0

 private:
  static constexpr std::uint64_t increment = 0x9e3779b97f4a7c15U;
  std::uint64_t state_, ready_;
};

// Seed of execution number `index` of a campaign. A function of both alone, so that executions can be split over jobs and machines.
[[nodiscard]] constexpr std::uint64_t execution_seed(std::uint64_t campaign_seed, std::uint64_t index) {
  return combine(mix(campaign_seed + 0x5851f42d4c957f2dU), index);
}

}  // namespace unplug::sim

// Arithmetic that results depend on: pinned, so that a change of it is noticed.
#include "unplug/sim/hash.hpp"

#include <array>
#include <set>

#include <doctest/doctest.h>

using namespace unplug::sim;

TEST_CASE("values are pinned: the same with every compiler and for ever") {
  CHECK(mix(0) == 0);
  CHECK(mix(1) == 0x5692161d100b05e5U);
  CHECK(Random(0).next() == 0xe220a8397b1dcdafU);  // the published first value of splitmix64
  Random r(42);
  CHECK(r.next() == 0xbdd732262feb6e95U);
  CHECK(r.next() == 0x28efe333b266f103U);
  CHECK(combine(1, 2) == 3497101601492490161U);
  CHECK(execution_seed(1, 2) == 16381567669028652824U);
  CHECK(hash_bytes("unplug") == 13258067584922690743U);
}

TEST_CASE("reduce() keeps to its bound and is uniform") {
  CHECK(reduce(0, 7) == 0);
  CHECK(reduce(UINT64_MAX, 7) == 6);
  CHECK(reduce(UINT64_MAX, 1) == 0);
  CHECK(reduce(UINT64_MAX, UINT64_MAX) == UINT64_MAX - 1);
  Random r(1);
  std::array<int, 7> n{};
  for (int i = 0; i < 70'000; ++i) ++n[r.below(7)];
  for (const int k : n) CHECK((k > 9'600 && k < 10'400));
}

TEST_CASE("combine() depends on the order, and small numbers do not collide") {
  CHECK(combine(1, 2) != combine(2, 1));
  std::set<std::uint64_t> seen;
  for (std::uint64_t a = 0; a < 300; ++a)
    for (std::uint64_t b = 0; b < 300; ++b) seen.insert(combine(a, b));
  CHECK(seen.size() == 90'000);
}

TEST_CASE("hash_bytes() tells texts apart, empty ones and NUL included") {
  using namespace std::string_view_literals;
  std::set<std::uint64_t> seen;
  for (const std::string_view s : {""sv, "\0"sv, "\0\0"sv, "a"sv, "b"sv, "ab"sv, "ba"sv, "\xff"sv}) seen.insert(hash_bytes(s));
  CHECK(seen.size() == 8);
}

TEST_CASE("seeds of executions are a function of campaign and index, all different") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t campaign = 0; campaign < 100; ++campaign)
    for (std::uint64_t index = 0; index < 1'000; ++index) seen.insert(execution_seed(campaign, index));
  CHECK(seen.size() == 100'000);
  CHECK(execution_seed(3, 5) == execution_seed(3, 5));
}

// Quantiles in constant memory, against sorting.
#include "unplug/sim/histogram.hpp"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "unplug/sim/hash.hpp"

using namespace unplug::sim;

TEST_CASE("an empty histogram answers 0") {
  const Histogram h;
  CHECK(h.count() == 0);
  CHECK(h.max() == 0);
  CHECK(h.quantile(500) == 0);
}

TEST_CASE("small values are exact") {
  Histogram h;
  for (std::uint64_t v = 1; v <= 1000; ++v) h.add(v);
  CHECK(h.quantile(0) == 1);
  CHECK(h.quantile(1) == 1);
  CHECK(h.quantile(500) == 500);
  CHECK(h.quantile(990) == 990);
  CHECK(h.quantile(1000) == 1000);
  CHECK(h.max() == 1000);
}

TEST_CASE("nearest rank: of one value it is that value, of two the first half is the first") {
  Histogram h;
  h.add(7);
  for (const std::uint64_t q : {0U, 1U, 500U, 999U, 1000U}) CHECK(h.quantile(q) == 7);
  h.add(9);
  CHECK(h.quantile(500) == 7);
  CHECK(h.quantile(501) == 9);
}

TEST_CASE("large values are never below the true quantile, at most 1/512 above, and the largest is exact") {
  for (const unsigned shift : {0U, 11U, 30U, 54U}) {
    Random r(shift + 1);
    Histogram h;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 5'000; ++i) values.push_back(r.next() >> (63U - shift) >> r.below(8));
    for (const std::uint64_t v : values) h.add(v);
    std::ranges::sort(values);
    for (std::uint64_t q = 1; q <= 1000; ++q) {
      const std::uint64_t exact = values[(values.size() * q + 999) / 1000 - 1], got = h.quantile(q);
      CHECK((got >= exact && got - exact <= exact / 512));
    }
    CHECK(h.max() == values.back());
    CHECK(h.quantile(1000) == values.back());
  }
}

TEST_CASE("the ends of the range") {
  Histogram h;
  h.add(UINT64_MAX);
  h.add(0);
  h.add(1023);
  h.add(1024);
  CHECK(h.quantile(250) == 0);
  CHECK(h.quantile(500) == 1023);
  CHECK(h.quantile(750) == 1025);  // the bucket of 1024 and 1025
  CHECK(h.quantile(1000) == UINT64_MAX);
}

TEST_CASE("adding a value many times, or no times") {
  Histogram h;
  h.add(5, 99);
  h.add(1'000'000, 1);
  h.add(2'000'000, 0);
  CHECK(h.count() == 100);
  CHECK(h.quantile(990) == 5);
  CHECK(h.quantile(991) == 1'000'000);
  CHECK(h.max() == 1'000'000);
}

TEST_CASE("merging is adding: any split gives the same") {
  Random r(9);
  Histogram all, left, right;
  for (int i = 0; i < 2'000; ++i) {
    const std::uint64_t v = r.next() >> r.below(64);
    all.add(v);
    (r.below(3) == 0 ? left : right).add(v);
  }
  Histogram merged;
  merged.merge(right);
  merged.merge(left);
  merged.merge({});
  CHECK(merged.count() == all.count());
  CHECK(merged.max() == all.max());
  for (std::uint64_t q = 0; q <= 1000; ++q) CHECK(merged.quantile(q) == all.quantile(q));
}

#include "unplug/reports/page/format.hpp"

#include <cstdint>

#include <doctest/doctest.h>

namespace unplug::reports {

TEST_CASE("durations have three significant digits and round half up") {
  CHECK(duration(0) == "0");
  CHECK(duration(1) == "1 ns");
  CHECK(duration(999) == "999 ns");
  CHECK(duration(1'000) == "1.00 us");
  CHECK(duration(3'984'999) == "3.98 ms");
  CHECK(duration(3'985'000) == "3.99 ms");
  CHECK(duration(9'994'999) == "9.99 ms");
  CHECK(duration(9'995'000) == "10.0 ms");
  CHECK(duration(99'950'000) == "100 ms");
  CHECK(duration(999'499'999) == "999 ms");
  CHECK(duration(999'500'000) == "1.00 s");
  CHECK(duration(1'032'000'000) == "1.03 s");
  CHECK(duration(59'400'000'000) == "59.4 s");
  CHECK(duration(1'234'000'000'000) == "1234 s");
  CHECK(duration(UINT64_MAX) == "18446744074 s");
}

TEST_CASE("a range names a unit once where it can") {
  CHECK(duration_range(3'980'000, 8'100'000) == "3.98..8.10 ms");
  CHECK(duration_range(40'000, 1'030'000'000) == "40.0 us..1.03 s");
  CHECK(duration_range(0, 5'000) == "0..5.00 us");
  CHECK(duration_range(5'000, 5'001) == "5.00 us");
  CHECK(duration_range(0, 0) == "0");
  CHECK(count_range(2, 2) == "2");
  CHECK(count_range(1, 6) == "1..6");
}

TEST_CASE("a list names a unit once if all share it") {
  CHECK(duration_list({16'100'000, 48'300'000, 96'600'000}) == "16.1, 48.3, 96.6 ms");
  CHECK(duration_list({40'000, 16'100'000}) == "40.0 us, 16.1 ms");
  CHECK(duration_list({std::nullopt, 0, 2'000}) == "-, 0, 2.00 us");
  CHECK(duration_list({}).empty());
  CHECK(count_list({1, std::nullopt, 6}) == "1, -, 6");
}

TEST_CASE("counts and slopes") {
  CHECK(counted(1, "preemption") == "1 preemption");
  CHECK(counted(0, "preemption") == "0 preemptions");
  CHECK(counted(2, "branch", "branches") == "2 branches");
  CHECK(slope(5, 5) == "+1.00");
  CHECK(slope(-1, 3) == "-0.33");
  CHECK(slope(2, 3) == "+0.67");
  CHECK(slope(0, 3) == "0.00");
  CHECK(slope(1, 1'000) == "0.00");
  CHECK(slope(INT64_MIN, 1) == "-9223372036854775808.00");
  CHECK(duration_slope(80'500'000, 5) == "+16.1 ms");
  CHECK(duration_slope(-9'000, 3) == "-3.00 us");
  CHECK(duration_slope(1, 3) == "0");
}

}  // namespace unplug::reports

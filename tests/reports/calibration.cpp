#include "unplug/reports/words/calibration.hpp"

#include <array>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/golden.hpp"

namespace unplug::reports {

namespace {

using namespace scenarios::calibration;

constexpr std::size_t first_fence = 14;

// The measured rows, and predictions that are made up: each verdict once at least, and nothing that the model says.
Calibration sample() {
  Calibration c;
  c.seed = 7;
  c.executions = 100;
  c.too_short = 9;
  constexpr std::array verdicts{Verdict::within, Verdict::spread, Verdict::missed,   Verdict::input,
                                Verdict::cost,   Verdict::host,   Verdict::no_reader};
  for (const char* name : {"rcu-sequential", "srcu-fence-8", "unload"}) {
    for (const MeasuredRow& row : measured().rows) {
      if (row.experiment != name) continue;
      const std::size_t i = c.rows.size();
      const Verdict verdict = i == first_fence ? Verdict::at_least : verdicts[i % verdicts.size()];
      c.rows.push_back({find_experiment(name), &row, row.median / 2, row.median * (90 + i) / 100, row.median * 2, verdict});
    }
  }
  c.slopes.push_back({c.rows.front().experiment, c.rows.front().measured->machine, 1, 64, 997'000'000, 989'000'000, true});
  c.slopes.push_back({c.rows.front().experiment, &measured().machines[1], 1, 64, 757'000'000, -1'000, false});
  return c;
}

}  // namespace

TEST_CASE("calibration: the page, narrow and wide, with its verdicts explained") {
  for (const std::size_t width : {80U, 132U})
    test::check_golden("reports/calibration-" + std::to_string(width) + ".txt", write_calibration(sample(), {width}));
}

TEST_CASE("calibration: no line is wider than the page, colour adds nothing but colour") {
  for (const std::size_t width : {60U, 80U, 100U}) {
    std::string line;
    for (const char c : write_calibration(sample(), {width})) {
      if (c != '\n') {
        line += c;
        continue;
      }
      CHECK(line.size() <= width);
      CHECK((line.empty() || line.back() != ' '));
      line.clear();
    }
  }
  std::string plain;
  bool escape = false;
  for (const char c : write_calibration(sample(), {80, true})) {
    if (c == '\x1b') escape = true;
    if (!escape) plain += c;
    if (c == 'm') escape = false;
  }
  CHECK(plain == write_calibration(sample(), {80}));
}

TEST_CASE("calibration: the document has every row, slope and input") {
  const Calibration c = sample();
  const auto j = nlohmann::json::parse(write_calibration_json(c));
  CHECK(j["unplug"] == "calibration/1");
  CHECK(j["seed"] == 7);
  CHECK(j["good"] == false);
  CHECK(j["machines"].size() == 2);
  REQUIRE(j["rows"].size() == c.rows.size());
  CHECK(j["rows"][0]["experiment"] == "rcu-sequential");
  CHECK(j["rows"][0]["n"] == 1);
  CHECK(j["rows"][0]["measured_ns"]["median"] == c.rows[0].measured->median);
  CHECK(j["rows"][0]["predicted_ns"]["median"] == c.rows[0].median);
  CHECK(j["rows"][0]["remaining_ns"].is_null());
  CHECK(j["rows"][3]["judged"] == false);
  CHECK(j["rows"][3]["beyond"].is_null());
  CHECK(j["rows"][first_fence]["d_us"] == 100'000);
  CHECK(j["rows"][first_fence]["remaining_ns"].size() == 5);
  CHECK(j["rows"][first_fence]["judged"] == true);
  CHECK(j["rows"][first_fence]["verdict"] == "at least");
  CHECK(j["rows"][first_fence]["beyond"] == find_experiment("srcu-fence-8")->beyond.what);
  CHECK(j["slopes"][1]["met"] == false);
}

}  // namespace unplug::reports

#include "unplug/reports/view/sweep.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "sample.hpp"
#include "unplug/reports/html/svg.hpp"
#include "unplug/reports/view/members.hpp"

namespace unplug::reports {

TEST_CASE("member names are taken apart") {
  CHECK(member_parameters("bars=3, removal=unbind") == Parameters{{"bars", "3"}, {"removal", "unbind"}});
  CHECK(member_parameters("path=a, b, owner=x=y") == Parameters{{"path", "a, b"}, {"owner", "x=y"}});
  CHECK(member_parameters("").empty());
  CHECK(member_parameters("=x, y").empty());
}

TEST_CASE("members in one title") {
  CHECK(members_title({"bars=1, r=x", "bars=3, r=x"}) == "bars=1, 3; r=x");
  CHECK(members_title({"bars=1, r=x", "bars=1, r=y"}) == "r=x, y; bars=1");
  CHECK(members_title({"bars=1", "bars=2"}) == "bars=1, 2");
  CHECK(members_title({"bars=1, r=x", "bars=3, r=y"}) == "bars=1, r=x; bars=3, r=y");
  CHECK(members_title({"only"}) == "only");
  CHECK(members_title({}).empty());
}

TEST_CASE("a sweep has one series per policy, on ascending points") {
  scenarios::ScenarioResult nova = test::sample_nova();
  std::reverse(nova.cells.begin(), nova.cells.end());
  const ScenarioView view = summarise(nova);
  const std::vector<Sweep> all = sweeps(view);
  REQUIRE(all.size() == 1);
  CHECK(all[0].parameter == "bars");
  CHECK(all[0].rest == "removal=unbind");
  CHECK(all[0].points == std::vector<std::int64_t>{1, 3, 6});
  REQUIRE(all[0].series.size() == 7);
  const Series& revoke = all[0].series[3];
  CHECK(revoke.policy == "rcu-revoke");
  CHECK(revoke.grace_periods == std::vector<std::optional<std::uint64_t>>{1, 3, 6});
  const auto rise = growth(all[0].points, revoke.grace_periods);
  REQUIRE(rise);
  CHECK(rise->rise == 5);
  CHECK(rise->run == 5);
}

TEST_CASE("one point is no sweep, nor are words") {
  scenarios::ScenarioResult nova = test::sample_nova();
  std::erase_if(nova.cells, [](const scenarios::Cell& cell) { return cell.member != "bars=3, removal=unbind"; });
  CHECK(sweeps(summarise(nova)).empty());
  for (std::size_t i = 0; i < nova.cells.size(); ++i) nova.cells[i].member = i % 4 < 2 ? "owner=3x" : "owner=null";
  CHECK(sweeps(summarise(nova)).empty());
}

TEST_CASE("a chart escapes names") {
  const std::vector<TimeRow> rows{{"<b>&", {}, scenarios::Quantiles{1, 5, 5, 5, 9}}};
  const std::string chart = time_chart(rows, TimeScale(rows));
  CHECK(chart.find("<b>") == std::string::npos);
  CHECK(chart.find(">&lt;b&gt;&amp;</text>") != std::string::npos);
}

TEST_CASE("growth needs two measured points") {
  CHECK_FALSE(growth({1, 2, 3}, {std::nullopt, 5, std::nullopt}));
  const auto fall = growth({1, 2, 3}, {9, std::nullopt, 5});
  REQUIRE(fall);
  CHECK(fall->rise == -4);
  CHECK(fall->run == 2);
}

TEST_CASE("logarithms are integers") {
  CHECK(log2_fixed(1) == 0);
  CHECK(log2_fixed(2) == 1024);
  CHECK(log2_fixed(1024) == 10240);
  CHECK(log2_fixed(3) == 1623);      // 1.58496 * 1024 = 1623.0
  CHECK(log2_fixed(1000) == 10204);  // 9.96578 * 1024 = 10204.96
  CHECK(log2_fixed(UINT64_MAX) == 65535);
}

TEST_CASE("an axis is logarithmic only where values spread") {
  const auto row = [](std::uint64_t p50, std::uint64_t max) { return TimeRow{"p", {}, scenarios::Quantiles{1, p50, p50, p50, max}}; };
  const TimeScale narrow({row(10'000'000, 40'000'000)});
  CHECK_FALSE(narrow.logarithmic());
  CHECK(narrow.at(20'000'000, 300) == 150);
  CHECK(narrow.at(80'000'000, 300) == 300);
  CHECK(narrow.ticks() == std::vector<std::uint64_t>{0, 10'000'000, 20'000'000, 30'000'000, 40'000'000});
  const TimeScale wide({row(40'000, 1'000'000'000), row(0, 5)});
  CHECK(wide.logarithmic());
  CHECK(wide.at(0, 300) == 0);
  CHECK(wide.at(1'000'000'000, 300) == 300);
  CHECK(wide.at(1'000'000, 300) == 150);
  CHECK(wide.ticks().front() == 1'000);
  for (const TimeScale& extreme : {TimeScale({row(0, UINT64_MAX)}), TimeScale({row(UINT64_MAX, UINT64_MAX)}), TimeScale({})}) {
    CHECK(extreme.at(UINT64_MAX, 300) <= 300);
    CHECK(extreme.ticks().size() < 12);
  }
}

}  // namespace unplug::reports

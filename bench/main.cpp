// unplug_bench [--rounds N] [--only TEXT] [--json FILE]: what the engine costs, as multiples of a raw context switch of this machine, now.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "exploration.hpp"
#include "step_cost.hpp"

using namespace unplug::bench;

namespace {

std::string target(double ratio) { return ratio > 0 ? fmt::format("{:g}x", ratio) : "-"; }

void print(const std::vector<Result>& results, double raw) {
  fmt::print("raw context switch: {:.2f} ns. Ratios are to it, medians over rounds; ns are of this machine, now.\n\n", raw);
  fmt::print("{:<52} {:>9} {:>8} {:>15} {:>6} {:>6} {:>12}\n", "", "ns", "ratio", "range", "good", "limit", "per second");
  for (const Result& r : results) {
    fmt::print("{:<52} {:>9.1f} {:>7.2f}x {:>15} {:>6} {:>6} {:>12.0f} {}s\n", r.row->name, r.ns, r.ratio,
               fmt::format("{:.2f}-{:.2f}", r.lowest, r.highest), target(r.row->good), target(r.row->limit), 1e9 / r.ns, r.row->unit);
  }
}

void print(const std::vector<FirstFailure>& rows) {
  fmt::print("\nExecutions until the first failure, median of 21 campaigns (-: more than 2000):\n\n");
  fmt::print("{:<22} {:<26} {:<20} {:<8} {:>7}\n", "scenario", "policy", "violation", "strategy", "median");
  for (const FirstFailure& r : rows)
    fmt::print("{:<22} {:<26} {:<20} {:<8} {:>7}\n", r.scenario, r.policy, r.violation, r.strategy,
               r.median == 0 ? "-" : std::to_string(r.median));
}

void write_json(const std::string& path, const std::vector<Result>& results, double raw) {
  std::ofstream out(path);
  out << fmt::format("{{\n  \"unplug\": \"bench/1\",\n  \"raw_switch_ns\": {:.3f},\n  \"rows\": [", raw);
  const char* separator = "\n";
  for (const Result& r : results) {
    out << separator
        << fmt::format(R"(    {{"name": "{}", "unit": "{}", "ns": {:.2f}, "ratio": {:.3f}, "min": {:.3f}, "max": {:.3f}, )"
                       R"("good": {:g}, "limit": {:g}}})",
                       r.row->name, r.row->unit, r.ns, r.ratio, r.lowest, r.highest, r.row->good, r.row->limit);
    separator = ",\n";
  }
  out << "\n  ]\n}\n";
  if (!out.flush()) {
    fmt::print(stderr, "cannot write {}\n", path);
    std::exit(2);
  }
}

}  // namespace

int main(int argc, char** argv) {
  unsigned rounds = 9;
  std::string json, only;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--rounds" && i + 1 < argc) {
      rounds = static_cast<unsigned>(std::max(1, std::atoi(argv[++i])));
    } else if (option == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (option == "--fixed" && i + 1 < argc) {
      fmt::print("{}\n", fixed_work(std::strtoull(argv[++i], nullptr, 10)));
      return 0;
    } else if (option == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else {
      fmt::print(stderr, "usage: unplug_bench [--rounds N] [--only TEXT] [--json FILE] | --fixed EXECUTIONS\n");
      return 2;
    }
  }
  std::vector<Row> rows = step_cost_rows();
  for (Row& row : exploration_rows()) rows.push_back(std::move(row));
  std::erase_if(rows, [&](const Row& r) { return r.name.find(only) == std::string::npos; });
  std::vector<Result> results = measure(rows, rounds);
  if (only.empty()) results.push_back(two_threads(rounds));
  std::vector<double> raw;
  for (unsigned i = 0; i < rounds; ++i) raw.push_back(raw_switch_ns());
  print(results, median(raw));
  if (only.empty()) print(first_failures(21, 2'000));
  if (!json.empty()) write_json(json, results, median(raw));
  return 0;
}

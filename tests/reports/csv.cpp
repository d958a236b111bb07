// `csv`: a line for each cell that every reader of RFC 4180 reads alike.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "sample.hpp"
#include "support/golden.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

namespace {

std::string write_sample_csv() { return find_writer("csv")->write(test::sample_result(), {}); }

// RFC 4180, read strictly: what the grammar doesn't allow fails the test.
std::vector<std::vector<std::string>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> lines;
  for (std::size_t at = 0; at < text.size();) {
    std::vector<std::string>& line = lines.emplace_back();
    for (bool more = true; more;) {
      std::string& field = line.emplace_back();
      if (text.at(at) == '"') {
        for (++at; text.at(at) != '"' || (at + 1 < text.size() && text[at + 1] == '"'); ++at) {
          if (text[at] == '"') ++at;
          field += text[at];
        }
        ++at;
      } else {
        const std::size_t end = text.find_first_of(",\r\n\"", at);
        REQUIRE(end != std::string::npos);
        field = text.substr(at, end - at);
        at = end;
      }
      more = text.at(at) == ',';
      if (more) ++at;
    }
    REQUIRE(text.substr(at, 2) == "\r\n");
    at += 2;
  }
  return lines;
}

}  // namespace

TEST_CASE("csv: golden table") {
  std::string text = write_sample_csv();
  std::erase(text, '\r');  // that golden files are lines of text
  test::check_golden("reports/result.csv", text);
}

TEST_CASE("csv: a header and a line for each cell, all with as many fields, whatever names hold") {
  const auto lines = read_csv(write_sample_csv());
  std::size_t cells = 0;
  for (const scenarios::ScenarioResult& s : test::sample_result().scenarios) cells += s.cells.size();
  CHECK(lines.size() == 1 + cells);
  for (const auto& line : lines) CHECK(line.size() == lines[0].size());
  CHECK(lines[0][0] == "scenario");
  bool quotes = false, commas = false;
  for (const auto& line : lines) {
    for (const std::string& field : line) {
      quotes = quotes || field.find("priv->\"flag\" & 'co'") != std::string::npos;
      commas = commas || field == "path=/sys/devices/pci0000:00, x, owner=null, n=-3";
      for (const char c : field) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    }
  }
  CHECK(quotes);
  CHECK(commas);
}

TEST_CASE("csv: what was not measured is empty and not 0, and a result without cells is the header alone") {
  const auto lines = read_csv(find_writer("csv")->write(test::smallest_result(), {}));
  REQUIRE(lines.size() == 2);
  for (std::size_t i = 0; i < lines[0].size(); ++i) {
    CAPTURE(lines[0][i]);
    if (lines[0][i].starts_with("remove_ns") || lines[0][i].starts_with("grace_periods")) CHECK(lines[1][i].empty());
    if (lines[0][i] == "executions") CHECK(lines[1][i] == "10000");
    if (lines[0][i] == "verdict") CHECK(lines[1][i] == "clean");
  }
  CHECK(read_csv(find_writer("csv")->write({}, {})).size() == 1);
}

}  // namespace unplug::reports

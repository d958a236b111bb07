// Values of a file: durations, words, numbers, and what "$name" in them stands for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// "250us", "10ms", "2s", "5ns": whole numbers. None if it is nothing of the kind.
[[nodiscard]] std::optional<sim::Duration> parse_duration(std::string_view text);

// The words of "x == 1": what stands between spaces.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);
// "12", "-5". None if it is nothing of the kind.
[[nodiscard]] std::optional<std::uint64_t> number_word(std::string_view word);
[[nodiscard]] std::optional<Condition::Op> comparison(std::string_view symbol);

// The values of one member's parameters, by name.
using Parameters = std::map<std::string, Node>;

// Reads values with "$name" substituted; reports what is of the wrong kind.
class Reader {
 public:
  Reader(const Parameters& parameters, Diagnostics& out) : parameters_(&parameters), out_(&out) {}
  [[nodiscard]] Diagnostics& out() const { return *out_; }

  // The node itself, or what its whole-string "$name" stands for.
  [[nodiscard]] Node value(Node n) const;
  // A string in which every "$name" is replaced. None (and an error) if it is no string or names an unknown parameter.
  [[nodiscard]] std::optional<std::string> text(Node n, std::string_view expected) const;
  [[nodiscard]] std::optional<std::int64_t> integer(Node n, std::int64_t least, std::int64_t most, std::string_view expected) const;
  [[nodiscard]] std::optional<bool> boolean(Node n, std::string_view expected) const;
  // "250us", "10ms", "2s", "5ns".
  [[nodiscard]] std::optional<sim::Duration> duration(Node n) const;
  // A duration or "1ms..5ms": least and width.
  [[nodiscard]] std::optional<std::pair<sim::Duration, sim::Duration>> duration_range(Node n) const;

  // Loop variables of repeats, innermost last.
  std::vector<std::pair<std::string, std::int64_t>> loops;

 private:
  [[nodiscard]] std::optional<std::string> lookup(std::string_view name, Node at) const;
  // Reports that `v`, for which `n` stands, is of the wrong type.
  void wrong(Node n, Node v, std::string_view expected) const;
  const Parameters* parameters_;
  Diagnostics* out_;
};

}  // namespace unplug::scenarios

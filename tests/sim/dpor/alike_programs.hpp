// Small random programs with groups of tasks that are alike, additions, guards on sums of them, data choices and things of a task's own.
#pragma once

#include <vector>

#include "sim/support.hpp"

namespace unplug::sim::test {

class AlikeProgram final : public Program {
 public:
  explicit AlikeProgram(std::uint64_t seed);
  void setup(Engine& engine) override;

  // The tasks that setup() makes are called "t0", "t1", ...: the number of the group of each, 0 if it has none.
  [[nodiscard]] const std::vector<std::uint32_t>& groups() const { return groups_; }

 private:
  static constexpr std::uint32_t shared = 3;  // variables that all know; the one after them is each task's own
  enum class Op : std::uint8_t { count, get, set, bump, wait_for, bump_when, choose, use_living, end_living, spawn, share, unshare, skip };
  struct Piece {
    Op op = Op::count;
    std::uint32_t variable = 0, x = 0, y = 0;
  };
  using Code = std::vector<Piece>;
  // What one task, and those that it makes, work on.
  struct Place {
    std::vector<ObjectId> variables;
    std::vector<LifetimeId> lifetimes;
  };

  void body(Engine& e, const Code& code, const Place& place);
  void take(Engine& e, const Piece& p, const Place& place, std::uint64_t& last);

  std::vector<Code> tasks_;
  std::vector<std::uint32_t> groups_;
  Code child_;  // of whoever makes one
  std::vector<bool> locked_;
  std::vector<std::uint64_t> initial_;
  ObjectId lock_, readers_;
  std::vector<Place> places_;
};

}  // namespace unplug::sim::test

// Small random programs with lifetimes: what theories about traces are checked against, by brute force.
#pragma once

#include <array>
#include <vector>

#include "support.hpp"

namespace unplug::sim::test {

// How many programs a test tries: `usual`, or what the environment says in UNPLUG_RANDOM_PROGRAMS, for a long run now and then.
std::uint64_t how_many_programs(std::uint64_t usual);

// Tasks of a few pieces each. A piece is either one operation on one of three variables, perhaps tagged with lifetimes, or a use or an end
// of a lifetime under one of the usual protections (a flag, a lock and a flag, a reference, a drained counter), kept or broken.
class RandomProgram final : public Program {
 public:
  // `additions`: what counts up or down without looking at the result does it by additions, and there is more of that.
  explicit RandomProgram(std::uint64_t seed, bool additions = false);
  void setup(Engine& engine) override;

 private:
  static constexpr std::uint32_t lifetimes = 3;

  enum class Op : std::uint8_t { get, set, set_seen, bump, wait_for, bump_when, choose, guarded, count };
  enum class Tag : std::uint8_t { none, use, use_two, end_before, end_on, end_branch };
  enum class Style : std::uint8_t { flag, locked, ref, drain, lock_drain };
  enum class Role : std::uint8_t { use, end, raw, choice, branch };

  struct Piece {
    Op op = Op::get;
    std::uint32_t variable = 0;
    std::uint32_t x = 0, y = 0;
    Tag tag = Tag::none;
    std::uint32_t lifetime = 0, other = 0;
    bool begins = false;        // a step that begins `lifetime` comes first
    std::uint32_t spawns = 0;   // the task of this number is created first; 0: none
    Style style = Style::flag;  // Op::guarded
    Role role = Role::use;      // Op::guarded
  };
  // Objects and lifetimes of one execution.
  struct World {
    std::array<ObjectId, 3> variables;
    std::array<ObjectId, lifetimes> lock, gone, ref, active;
    std::array<LifetimeId, lifetimes> life;
  };

  Piece tagged(Random& r) const;
  Piece guarded(Random& r, bool first, bool keep, std::array<bool, lifetimes>& ended, const std::array<Style, lifetimes>& styles) const;
  void spawn(Engine& e, std::uint32_t task);
  void body(Engine& e, const std::vector<Piece>& pieces);
  std::uint64_t operation(Engine& e, const Piece& p, std::uint64_t last, Witnesses uses, LifetimeId ends);
  void protected_piece(Engine& e, const Piece& p);

  bool additions_ = false;
  World world_;
  std::vector<std::vector<Piece>> tasks_;
  std::vector<bool> spawned_;  // by another task, not by setup
  std::array<bool, lifetimes> from_start_{};
  std::uint32_t used_lifetimes_ = 1;
  std::array<std::uint64_t, 3> initial_{};
};

}  // namespace unplug::sim::test

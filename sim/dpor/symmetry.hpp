// Tasks that are alike (TaskSpec::alike), explored up to renaming, by order of start.
//
// As long as nothing has told two of them apart, what one could do next the other could, and the executions that follow differ in names
// only. So of those of a group that are untold the first stands for all: none but it may start, and what a race asks for is renamed so that
// they start in their order. An orbit of traces under renaming is visited once or more often (where the first steps of two don't conflict),
// never not at all.
//
// A task owns what is called after it, "NAME/...": objects that it or setup() made, tasks that it made. What those do and what is done to
// them is told of the task itself. Owned by two, one called after the other: by the one whose name is shorter.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "unplug/sim/dpor/moves.hpp"
#include "unplug/sim/engine.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {

class Symmetry {
 public:
  // --- For an execution while it runs.
  // Before its first step. The first call finds the groups, which setup() makes: all calls are for one program and one engine.
  void begin(Engine& engine);
  // Whether there are tasks that are alike.
  [[nodiscard]] bool any() const { return !members_.empty(); }
  // Whether what the task could do now is not what another stands for.
  [[nodiscard]] bool stands(NameId task) {
    const std::uint32_t m = owner(task);
    return m == none || members_[m].told || m == first_untold(members_[m].group);
  }
  // A step was taken.
  void took(const Move& m) {
    tell(m.label.task);
    if (m.touch.kind != AccessKind::none) tell(m.touch.object);
  }

  // --- For a finished execution.
  // Finds when who was told apart.
  void read(const Trace& trace);
  // Renames what is to come before event `first` of that execution instead of it.
  void rename(std::uint32_t first, std::vector<Move>& sequence);

 private:
  static constexpr std::uint32_t none = UINT32_MAX, unknown = UINT32_MAX - 1;
  struct Member {
    NameId name;
    std::uint32_t group;
    bool told = false;             // in the execution that runs
    std::uint32_t told_by = none;  // in the finished one: the first event that told it apart
    std::uint32_t becomes = none;  // while a sequence is renamed
  };
  // The member that owns this name, or none.
  [[nodiscard]] std::uint32_t owner(NameId name) {
    if (name.index() < owners_.size() && owners_[name.index()] != unknown) return owners_[name.index()];
    return find_owner(name);
  }
  std::uint32_t find_owner(NameId name);
  [[nodiscard]] std::uint32_t first_untold(std::uint32_t group) const;
  void tell(NameId name) {
    if (const std::uint32_t m = owner(name); m != none) members_[m].told = true;
  }
  [[nodiscard]] NameId renamed(NameId name, std::uint32_t first);

  NameTable* names_ = nullptr;
  std::vector<Member> members_;                                 // group by group, each in the order in which they were made
  std::vector<std::uint32_t> starts_;                           // by group: its first member
  std::vector<std::uint32_t> owners_;                           // by name
  std::vector<std::uint32_t> next_;                             // by group, while a sequence is renamed: whose name is the next to give
  std::map<std::pair<NameId, std::uint32_t>, NameId> renamed_;  // what is owned, by the member it is to be owned by
};

}  // namespace unplug::sim

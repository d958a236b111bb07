// Tasks that are alike (TaskSpec::alike), explored up to renaming.
//
// As long as nothing tells two of them apart, what one could do next the other could, and the executions that follow differ in names only.
// So of those that are untold the first stands for all: none but it may go on, and what a race asks for is renamed accordingly, step by
// step. An orbit of traces under renaming is visited at least once; more often where what tells two apart comes after both have gone on.
//
// Two are untold where swapping them leaves the trace so far as it is: they have gone equally far, by the same choices, and what they
// accessed they accessed together, in the same run of reads or of additions (happens_before.hpp). A step of only one of them tells them
// apart until the other has taken it as well.
//
// A task owns what is called after it, "NAME/...": objects that it or setup() made, tasks that it made. What it does to those is its own
// affair; what they do, and what others do to them, tells it apart for good. Owned by two, one called after the other: by the one whose
// name is shorter.
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
    return m == none || running_.first_like(m, members_) == m;
  }
  // A step was taken.
  void took(const Move& m) { took(running_, m); }

  // --- For a finished execution.
  // Renames what is to come before event `first` of that execution instead of it.
  void rename(const Trace& trace, std::uint32_t first, std::vector<Move>& sequence);

  // The trace up to renaming: renamings of one trace have one fingerprint.
  [[nodiscard]] std::uint64_t orbit(const Trace& trace);
  // How many traces are renamings of the one that orbit() was asked about last, itself included. Members that went through the same
  // are taken to be exchangeable. 64 bits hold it for groups of up to twenty.
  [[nodiscard]] std::uint64_t traces_of_orbit() const;
  // Renames the tasks of the schedule of that trace such that it is the same for all its renamings.
  void make_canonical(const Trace& trace, std::vector<Label>& schedule);

 private:
  static constexpr std::uint32_t none = UINT32_MAX, unknown = UINT32_MAX - 1;
  struct Member {
    NameId name;
    std::uint32_t group;
  };
  // What every member has gone through, in an execution up to some step.
  struct Histories {
    struct Run {
      AccessKind kind = AccessKind::none;
      std::uint32_t number = 0;
      std::uint32_t execution = 0;  // that it is of
    };
    std::vector<std::uint64_t> of;  // by member: a hash; equal within a group: untold
    std::vector<Run> runs;          // by name of the object
    std::uint32_t execution = 0;
    std::uint64_t told = 0;  // how often somebody was told apart for good

    void clear(std::size_t members);
    // The first of the group that is like m.
    [[nodiscard]] std::uint32_t first_like(std::uint32_t m, const std::vector<Member>& members) const {
      std::uint32_t first = m;
      for (std::uint32_t o = m; o-- > 0 && members[o].group == members[m].group;)
        if (of[o] == of[m]) first = o;
      return first;
    }
  };
  // The member that owns this name, or none.
  [[nodiscard]] std::uint32_t owner(NameId name) {
    if (name.index() < owners_.size() && owners_[name.index()] != unknown) return owners_[name.index()];
    return find_owner(name);
  }
  std::uint32_t find_owner(NameId name);
  void took(Histories& histories, const Move& m);
  // The name with its owner replaced by what that one has become.
  [[nodiscard]] NameId renamed(NameId name);
  // A hash of the name as its owner would call it; of what nobody owns, of the name.
  [[nodiscard]] std::uint64_t seen_from_owner(NameId name);
  // Hashes that don't depend on names of members, into tasks_ and objects_; and of each member, into of_.
  void hash_orbit(const Trace& trace);
  std::uint64_t hash_members(const Trace& trace);

  NameTable* names_ = nullptr;
  std::vector<Member> members_;          // group by group, each in the order in which they were made
  std::vector<std::uint32_t> owners_;    // by name
  std::vector<std::uint64_t> relative_;  // by name: what seen_from_owner() answers; 0: not yet asked
  Histories running_, replayed_;
  std::vector<std::uint32_t> becomes_;                          // by member, while a sequence is renamed
  std::map<std::pair<NameId, std::uint32_t>, NameId> renamed_;  // what is owned, by the member it is to be owned by
  std::vector<std::uint64_t> tasks_, objects_, runs_, of_;
  std::vector<AccessKind> kinds_;
};

}  // namespace unplug::sim

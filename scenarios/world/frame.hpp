// One call of a function while it runs.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "unplug/model/kernel/fs/file.hpp"
#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/kernel/fs/poll.hpp"
#include "unplug/model/mechanisms/policy.hpp"
#include "unplug/scenarios/program/program.hpp"
#include "unplug/scenarios/world/binding.hpp"
#include "unplug/scenarios/world/user.hpp"

namespace unplug::scenarios {

class World;

// One call of a function: locals, open `use` scopes, where it belongs.
class Frame {
 public:
  static constexpr std::size_t max_scopes = 8;

  Frame(World& w, model::Context& c, BindingInstance* b, model::File* f, Handle s) : world(w), context(c), binding(b), file(f), self(s) {}

  World& world;
  model::Context& context;
  BindingInstance* binding;  // of the entry point; tasks outside the driver: the first
  model::File* file;         // of the operation, if there is one
  Handle self;               // memory that what called the function is embedded in; 0: none
  std::array<std::uint64_t, max_locals> locals{};
  struct Use {
    model::ResourceGuard* guard;
    model::Resource* resource;
    model::Token token;
  };
  std::array<Use, max_scopes> scopes{};
  std::uint32_t scope_count = 0;
  std::int64_t result = 0;           // an error, a number, or a pointer
  int answer = 0;                    // of tasks of user space: what the operation at hand was answered; below 0: an error
  TaskState* task = nullptr;         // of tasks outside the driver
  model::PollTable* poll = nullptr;  // in ->poll
  model::Vma* vma = nullptr;         // in ->mmap and the operations of a mapping
  const Function* function = nullptr;
  bool* ended = nullptr;  // the task has ended in here (kthread_exit): who called it has to return at once, without a step

  [[nodiscard]] bool aborting() const { return context.aborting(); }
  // Leaves `use` scopes until `depth` are open.
  void leave_scopes(std::uint32_t depth);
  // Where to go on if `i` fails for want of memory: its `else`, or out of the function with the error.
  std::uint32_t fail(const Instruction& i, int error);
  // After each jump back, to the instruction `to`. A loop that has gone round once and changed nothing waits here for what it has looked at
  // (polling.hpp). One that takes no step would never end; every now and then it is made to take one, so that it meets the bound.
  void looped(std::uint32_t to);

 private:
  // The task as it was after a jump, as far as its next round depends on it.
  struct Turn {
    std::uint32_t to = 0, event = 0;  // where it led, and how many events there were
    sim::Time at = 0;
    std::array<std::uint64_t, max_locals> locals{};
    std::vector<sim::ObjectId> held;
    unsigned off = 0;  // what is off: interrupts, softirqs, preemption, RCU sections
    std::uint32_t scopes = 0;
    std::int64_t result = 0;
    [[nodiscard]] bool same(const Turn& o) const {
      return to == o.to && locals == o.locals && held == o.held && off == o.off && scopes == o.scopes && result == o.result;
    }
  };
  [[nodiscard]] Turn turn(std::uint32_t to) const;
  std::uint32_t loops_ = 0, seen_ = 0;  // jumps back since there were so many events
  std::vector<Turn> turns_;             // the last of each loop
};

}  // namespace unplug::scenarios

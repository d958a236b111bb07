// The word of a work item, for those who take steps on it: workqueue.cpp, workqueue_struct.cpp, delayed_work.cpp.
#pragma once

#include <cstdint>

namespace unplug::model::work_word {

// Bit 0 PENDING: somebody has promised that the function will run. Bit 1: it runs. Bit 2: the item's own worker may take it. Bit 3: it is
// on the list of a queue with few workers, or on its way there. PENDING without one of the two means that a timer is to queue it, or, with
// bit 12, that a queue that drains would not have it: then nobody ever will. Bits 4..11 disable depth. Bits 16..39 instances queued, bits
// 40..63 how many of them, from the first, have finished or been taken back: only the last one queued can still be waiting.
inline constexpr std::uint64_t pending = 1, running = 2, linked = 4, listed = 8, disable_unit = 0x10, disable_mask = 0xff0,
                               dropped = 0x1000, queued_unit = 0x10000, count_mask = 0xffffff, queued_shift = 16, done_shift = 40;

constexpr std::uint64_t queued(std::uint64_t word) { return (word >> queued_shift) & count_mask; }

// What flush_work() waits for, once nothing runs: all instances but one that is still waiting are done with.
constexpr void settle(std::uint64_t& word) {
  const std::uint64_t done = queued(word) - ((word & (linked | listed)) != 0 ? 1 : 0);
  word = (word & ((std::uint64_t{1} << done_shift) - 1)) | (done << done_shift);
}

// Gives it to its own worker: insert_work().
constexpr void link(std::uint64_t& word) { word = (word | pending | linked) + queued_unit; }

// Promises it to a queue. Its number among the instances.
constexpr std::uint64_t list(std::uint64_t& word) {
  word = (word | pending | listed) + queued_unit;
  return queued(word);
}

// Takes back what is PENDING by one of `bits`, but keeps `claim`.
constexpr void take_back(std::uint64_t& word, std::uint64_t bits, std::uint64_t claim) {
  word = (word & ~(pending | bits)) | claim;
  if ((word & running) == 0) settle(word);
}

}  // namespace unplug::model::work_word

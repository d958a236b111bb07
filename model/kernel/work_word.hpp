// The word of a work item: for workqueue.cpp and delayed_work.cpp, which both take steps on it.
#pragma once

#include <cstdint>

namespace unplug::model::work_word {

// Bit 0 PENDING: somebody has promised that the function will run. Bit 1: it runs. Bit 2: the item is on the queue; PENDING without it
// means that a timer is to put it there. Bits 4..15 disable depth. Bits 16..39 instances put on the queue, bits 40..63 how many of them,
// from the first, have finished or been taken back: only the last one queued can still be on it.
inline constexpr std::uint64_t pending = 1, running = 2, linked = 4, disable_unit = 0x10, disable_mask = 0xfff0, queued_unit = 0x10000,
                               count_mask = 0xffffff, queued_shift = 16, done_shift = 40;

constexpr std::uint64_t queued(std::uint64_t word) { return (word >> queued_shift) & count_mask; }

// What flush_work() waits for, once nothing runs: all instances but one that is still on the queue are done with.
constexpr void settle(std::uint64_t& word) {
  const std::uint64_t done = queued(word) - ((word & linked) != 0 ? 1 : 0);
  word = (word & ((std::uint64_t{1} << done_shift) - 1)) | (done << done_shift);
}

// Puts it on the queue: insert_work().
constexpr void link(std::uint64_t& word) { word = (word | pending | linked) + queued_unit; }

// Takes it off the queue, if it is there. Whether it was.
constexpr bool unlink(std::uint64_t& word) {
  if ((word & linked) == 0) return false;
  word &= ~(pending | linked);
  if ((word & running) == 0) settle(word);
  return true;
}

}  // namespace unplug::model::work_word

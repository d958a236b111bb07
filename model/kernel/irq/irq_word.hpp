// The word of an interrupt line (irq_desc), shared by who manages it (irq.cpp) and what runs on it (irq_flow.cpp).
#pragma once

#include "unplug/model/kernel/irq/irq.hpp"

namespace unplug::model::irq_word {

// bit 0 hard handlers run (IRQD_IRQ_INPROGRESS), bit 1 no action, bit 2 switched off because nobody cared (IRQS_SPURIOUS_DISABLED);
// bits 8..15 how often it is disabled; bits 16..23 threads that were woken and are not done (threads_active); by number of a threaded
// action: from bit 24 it keeps the line masked (threads_oneshot), from bit 36 it is woken (IRQTF_RUNTHREAD), from bit 48 it is to stop;
// by number of a device that can be told not to interrupt: from bit 60 it has been.
constexpr std::uint64_t in_progress = 1, nobody = 2, spurious = 4, depth_unit = 1U << 8U, depth_mask = 0xff00, active_unit = 1U << 16U,
                        active_mask = 0xff0000, oneshot_shift = 24, run_shift = 36, stop_shift = 48, device_shift = 60,
                        oneshot_mask = std::uint64_t{0xfff} << oneshot_shift;
constexpr std::uint32_t most_threads = 12, most_devices = 4;

inline std::uint64_t oneshot_bit(const IrqAction& a) { return std::uint64_t{1} << (oneshot_shift + a.thread_number); }
inline std::uint64_t run_bit(const IrqAction& a) { return std::uint64_t{1} << (run_shift + a.thread_number); }
inline std::uint64_t stop_bit(const IrqAction& a) { return std::uint64_t{1} << (stop_shift + a.thread_number); }

// An interrupt that finds the line otherwise stays pending at its controller.
constexpr sim::Guard can_arrive = sim::Guard::equal(0, in_progress | nobody | depth_mask | oneshot_mask);
// The same from one of the devices that can be told not to interrupt.
inline sim::Guard can_arrive_from(IrqSource source) {
  sim::Guard g = can_arrive;
  if (source) g.mask |= std::uint64_t{1} << (device_shift + *source);
  return g;
}

// Who keeps others waiting on a line: its hard handlers, whom every wait is for, come before its threads (WaitInfo::before).
constexpr std::uint64_t hard_holder = 0, thread_holder = 1;

// Calls what the action has for a primary handler.
IrqReturn call_primary(Context& context, IrqAction& action);

}  // namespace unplug::model::irq_word

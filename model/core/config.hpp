// The kernel configuration an execution runs under. Printed in every report: the same driver is right or wrong depending on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "unplug/sim/time.hpp"

namespace unplug::model {

// How long grace periods take under strategy `timed` (quantile tables in kernel/grace_period.cpp, from measurements; `idle` of two
// CPUs).
enum class GracePeriodPreset : std::uint8_t { idle, busy, pathological, idle_one_cpu };

// What stands between a device's DMA and memory. lazy: unmapping leaves the IOTLB as it is until it is flushed, some time later.
enum class Iommu : std::uint8_t { none, lazy, strict };

// What a late call into the text of an unloaded module meets: a page fault, the filler of an executable-memory cache (x86, 6.13), or what
// was loaded in its place. Said of a violation, never the cause of another.
enum class FreedText : std::uint8_t { unmapped, poisoned, reused };

struct KernelConfig {
  std::string version = "6.18";
  bool preempt_rcu = true;  // CONFIG_PREEMPT_RCU: an RCU reader that sleeps stretches the grace period; without, it ends the section
  std::uint32_t hz = 250;
  std::uint32_t cpus = 4;  // parallelism under `timed` only
  GracePeriodPreset grace_periods = GracePeriodPreset::idle;
  std::optional<sim::Duration> grace_period;  // exact duration of every normal grace period, instead of the preset
  bool rcu_expedited = false;                 // rcupdate.rcu_expedited: normal grace periods are expedited ones
  bool rcu_normal = false;                    // rcupdate.rcu_normal: expedited ones are normal; wins over the other
  bool rcu_lazy = false;                      // CONFIG_RCU_LAZY: call_rcu() may sit for 10 s under `timed`
  bool irq_is_rcu_reader = true;              // grace periods wait for softirq and hardirq handlers (since 4.20); see kernel/rcu.hpp
  bool unload_grace_period = true;            // free_module() waits for one grace period before it frees text (since 4.20)
  bool dynamic_ftrace = false;                // CONFIG_DYNAMIC_FTRACE: before that, it waits for another if ftrace knows functions of it
  bool debug_shirq = false;                   // CONFIG_DEBUG_SHIRQ: free_irq() calls a shared handler once more
  bool lazy_vunmap_flush = false;             // iounmap() leaves TLBs as they are; without, an access after it faults at once
  Iommu iommu = Iommu::none;                  // what becomes of DMA to an address that was unmapped; decides what is said of it, no step
  bool private_data_first = false;            // device_unbind_cleanup() drops private data before devres (since 7.2), not after
  FreedText freed_text = FreedText::unmapped;
  std::uint32_t faults = 0;        // calls that may fail for want of memory fail at most this often in one execution
  bool fault_task_filter = false;  // only in tasks that are marked (fault.hpp)
  sim::Duration step_cost = 200;   // ns of CPU time that a step takes under `timed`

  [[nodiscard]] sim::Duration jiffy() const { return sim::second / hz; }
};

}  // namespace unplug::model

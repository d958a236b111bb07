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

struct KernelConfig {
  std::string version = "6.18";
  bool preempt_rcu = true;  // CONFIG_PREEMPT_RCU: an RCU reader that sleeps stretches the grace period; without, it ends the section
  std::uint32_t hz = 250;
  std::uint32_t cpus = 4;  // parallelism under `timed` only
  GracePeriodPreset grace_periods = GracePeriodPreset::idle;
  std::optional<sim::Duration> grace_period;  // exact duration of every normal grace period, instead of the preset
  bool unload_grace_period = true;            // free_module() waits for one grace period before it frees text (since 4.20)
  sim::Duration step_cost = 200;              // ns of CPU time that a step takes under `timed`

  [[nodiscard]] sim::Duration jiffy() const { return sim::second / hz; }
};

}  // namespace unplug::model

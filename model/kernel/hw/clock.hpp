// Clocks and runtime power management, as resources without which registers may not be touched.
//
// drivers/clk/clk.c and drivers/base/power/runtime.c, v6.18. An access while the clock is gated or the device is suspended hangs the bus or
// aborts on many SoCs: it is reported as api-misuse of whoever accesses. A mapping names its gates (Mapping::gates), and each access looks
// at them first. clk_prepare_enable() may sleep, clk_enable() and clk_disable() may not and are for interrupts too. pm_runtime_put() only
// asks for a suspend: a worker of the kernel does it some time later if nobody is using the device then, pm_runtime_put_sync() does it
// before it returns.
// Left out: parents and rates, callbacks of the driver (runtime_suspend(), runtime_resume()), autosuspend, errors of a resume, that
// pm_runtime_disable() nests and that a device which is disabled while active counts as resumed.
#pragma once

#include "unplug/model/core/context.hpp"

namespace unplug::model {

// What must be on: (word & mask) != 0.
struct Gate {
  ObjectId object;
  std::uint64_t mask = 0;
  NameId name;
  std::string_view off;  // "with clock gated", before the name
};
// Whether it is on, for an access called `access` to `target`: reports if not.
void look_at_gate(Context& context, const Gate& gate, std::string_view access, NameId target);

struct Clock {
  ObjectId object;  // word: bits 0..15 enabled, bits 16..31 prepared, each a count
  NameId name;
  Gate gate;
};
// `owner`: once it has ended, a clock that is still prepared or enabled is a leak.
void init_clock(Kernel& kernel, Clock& c, NameId unique_name, NameId declared, LifetimeId owner = {});
// May sleep.
void clk_prepare(Context& context, Clock& c);
// Of a clock that isn't prepared: api-misuse, and refused.
bool clk_enable(Context& context, Clock& c);
// Below zero: api-misuse, and ignored; so with clk_unprepare(), and of one that is still enabled.
void clk_disable(Context& context, Clock& c);
void clk_unprepare(Context& context, Clock& c);
bool clk_prepare_enable(Context& context, Clock& c);
void clk_disable_unprepare(Context& context, Clock& c);

struct RuntimePm {
  ObjectId object;  // word: bits 0..15 usage count, bit 16 active, bit 17 a suspend is asked for, bit 18 disabled,
                    // bit 19 the bus's own reference was dropped
  NameId name;
  Gate gate;
  Kernel* kernel = nullptr;
};
// Enabled and suspended; makes the worker, called `task_name`, that suspends. `owner`: once it has ended, a usage count above what it was
// at first is a leak. It is 0 at first; or 1, of a bus that holds a reference for the driver to drop in probe and to take again in remove:
// that is told by the first pm_runtime_put_noidle() of a count of 0.
void init_runtime_pm(Kernel& kernel, RuntimePm& p, NameId unique_name, NameId declared, NameId task_name, LifetimeId owner = {});
// Counts, and resumes before it returns; may sleep. false: disabled, nothing is resumed, but it counts (-EACCES).
bool pm_runtime_get_sync(Context& context, RuntimePm& p);
// The same, and where it fails it does not count.
bool pm_runtime_resume_and_get(Context& context, RuntimePm& p);
// Counts, whatever the state.
void pm_runtime_get_noresume(Context& context, RuntimePm& p);
// Counts down and asks for nothing; at zero it stays (atomic_add_unless()).
void pm_runtime_put_noidle(Context& context, RuntimePm& p);
// The last one asks for a suspend. Below zero: api-misuse, and ignored.
void pm_runtime_put(Context& context, RuntimePm& p);
// The last one suspends; may sleep.
void pm_runtime_put_sync(Context& context, RuntimePm& p);
// From here on the state stays as it is, whatever was asked for before. May sleep.
void pm_runtime_disable(Context& context, RuntimePm& p);

}  // namespace unplug::model

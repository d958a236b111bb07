#include "unplug/model/kernel/hw/clock.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation look_op{.name = "register access: is it on"}, prepare_op{.name = "clk_prepare"}, enable_op{.name = "clk_enable"},
    disable_op{.name = "clk_disable"}, unprepare_op{.name = "clk_unprepare"}, get_op{.name = "pm_runtime_get_sync"},
    resume_and_get_op{.name = "pm_runtime_resume_and_get"}, get_noresume_op{.name = "pm_runtime_get_noresume"},
    put_noidle_op{.name = "pm_runtime_put_noidle"}, put_op{.name = "pm_runtime_put"}, put_sync_op{.name = "pm_runtime_put_sync"},
    suspend_op{.name = "runtime suspend"}, pm_disable_op{.name = "pm_runtime_disable"};

constexpr std::uint64_t enabled_mask = 0xffff, prepared_unit = 0x10000, prepared_mask = 0xffff * prepared_unit;
constexpr std::uint64_t usage_mask = 0xffff, active = 0x10000, asked = 0x20000, disabled = 0x40000, dropped = 0x80000;

void misuse(Context& context, NameId object, std::string_view function, std::string_view what) {
  context.kernel().report(ViolationClass::api_misuse, object, fmt::format("{}('{}') {}", function, context.kernel().text(object), what));
}

// Counts down. true: that was the last.
bool drop_usage(Context& context, const RuntimePm& p, std::uint64_t& word, std::string_view function) {
  if ((word & usage_mask) == 0) {
    misuse(context, p.name, function, "below zero");
    return false;
  }
  return (--word & usage_mask) == 0;
}

void suspend(std::uint64_t& word) {
  if ((word & disabled) == 0) word &= ~active;
}

void worker(void* argument) {
  auto& p = *static_cast<RuntimePm*>(argument);
  Context context(*p.kernel, ContextKind::process);
  for (;;) {
    sim::Step s = context.make(suspend_op);
    s.access = {p.object, sim::AccessKind::write};
    s.guard = sim::Guard::equal(asked, asked);
    context.wait(s, {.what = "pm_wq", .object = p.name, .owner = Owner::driver, .idle = true, .sleeps = false}, [](std::uint64_t& word) {
      if ((word & usage_mask) == 0) suspend(word);
      word &= ~asked;
    });
    if (context.aborting()) return;
  }
}

}  // namespace

void look_at_gate(Context& context, const Gate& gate, std::string_view access, NameId target) {
  sim::Step s = context.make(look_op);
  s.access = {gate.object, sim::AccessKind::read};
  context.engine().step(s, [&](std::uint64_t& word) {
    if ((word & gate.mask) == 0) misuse(context, target, access, fmt::format("{} '{}'", gate.off, context.kernel().text(gate.name)));
  });
}

void init_clock(Kernel& kernel, Clock& c, NameId unique_name, NameId declared, LifetimeId owner) {
  c.object = kernel.engine().new_object(unique_name, 0);
  c.name = declared;
  c.gate = {c.object, enabled_mask, declared, "with its clock gated:"};
  if (!owner) return;
  kernel.note_count({c.object, declared, owner, [](std::uint64_t word) { return word & enabled_mask; }, "enabled"});
  // Who enables prepares as well, and it is one mistake.
  kernel.note_count({c.object, declared, owner,
                     [](std::uint64_t word) { return (word & enabled_mask) != 0 ? 0 : (word & prepared_mask) / prepared_unit; },
                     "prepared"});
}

void clk_prepare(Context& context, Clock& c) {
  context.might_sleep("clk_prepare");
  context.write(prepare_op, c.object, {}, [](std::uint64_t& word) { word += prepared_unit; });
}

bool clk_enable(Context& context, Clock& c) {
  return context.write(enable_op, c.object, {}, [&](std::uint64_t& word) {
    if ((word & prepared_mask) == 0) {
      misuse(context, c.name, "clk_enable", "that is not prepared");
      return false;
    }
    ++word;
    return true;
  });
}

void clk_disable(Context& context, Clock& c) {
  context.write(disable_op, c.object, {}, [&](std::uint64_t& word) {
    if ((word & enabled_mask) == 0) {
      misuse(context, c.name, "clk_disable", "that is already disabled");
    } else {
      --word;
    }
  });
}

void clk_unprepare(Context& context, Clock& c) {
  context.might_sleep("clk_unprepare");
  context.write(unprepare_op, c.object, {}, [&](std::uint64_t& word) {
    if ((word & prepared_mask) == 0) {
      misuse(context, c.name, "clk_unprepare", "that is already unprepared");
    } else if ((word & prepared_mask) == prepared_unit && (word & enabled_mask) != 0) {
      misuse(context, c.name, "clk_unprepare", "that is still enabled");
    } else {
      word -= prepared_unit;
    }
  });
}

bool clk_prepare_enable(Context& context, Clock& c) {
  clk_prepare(context, c);
  return !context.aborting() && clk_enable(context, c);
}

void clk_disable_unprepare(Context& context, Clock& c) {
  clk_disable(context, c);
  if (!context.aborting()) clk_unprepare(context, c);
}

void init_runtime_pm(Kernel& kernel, RuntimePm& p, NameId unique_name, NameId declared, NameId task_name, LifetimeId owner) {
  static const StaticName role{"pm_wq"};
  p.object = kernel.engine().new_object(unique_name, 0);
  p.name = declared;
  p.gate = {p.object, active, declared, "while it is runtime-suspended:"};
  p.kernel = &kernel;
  if (owner)
    kernel.note_count({p.object, declared, owner,
                       [](std::uint64_t word) {
                         const std::uint64_t first = (word & dropped) != 0 ? 1 : 0, usage = word & usage_mask;
                         return usage > first ? usage - first : 0;
                       },
                       "in use: a usage count is never dropped"});
  kernel.spawn(task_name, kernel.intern(role), worker, &p, true);
}

bool pm_runtime_get_sync(Context& context, RuntimePm& p) {
  context.might_sleep("pm_runtime_get_sync");
  return context.write(get_op, p.object, {}, [](std::uint64_t& word) {
    ++word;
    if ((word & disabled) != 0) return false;
    word |= active;
    return true;
  });
}

bool pm_runtime_resume_and_get(Context& context, RuntimePm& p) {
  context.might_sleep("pm_runtime_resume_and_get");
  return context.write(resume_and_get_op, p.object, {}, [](std::uint64_t& word) {
    if ((word & disabled) != 0) return false;
    ++word;
    word |= active;
    return true;
  });
}

void pm_runtime_get_noresume(Context& context, RuntimePm& p) {
  context.write(get_noresume_op, p.object, {}, [](std::uint64_t& word) { ++word; });
}

void pm_runtime_put_noidle(Context& context, RuntimePm& p) {
  context.write(put_noidle_op, p.object, {}, [](std::uint64_t& word) {
    if ((word & usage_mask) != 0) {
      --word;
    } else {
      word |= dropped;
    }
  });
}

void pm_runtime_put(Context& context, RuntimePm& p) {
  context.write(put_op, p.object, {}, [&](std::uint64_t& word) {
    if (drop_usage(context, p, word, "pm_runtime_put") && (word & disabled) == 0) word |= asked;
  });
}

void pm_runtime_put_sync(Context& context, RuntimePm& p) {
  context.might_sleep("pm_runtime_put_sync");
  context.write(put_sync_op, p.object, {}, [&](std::uint64_t& word) {
    if (drop_usage(context, p, word, "pm_runtime_put_sync")) suspend(word);
  });
}

void pm_runtime_disable(Context& context, RuntimePm& p) {
  context.might_sleep("pm_runtime_disable");
  context.write(pm_disable_op, p.object, {}, [](std::uint64_t& word) { word |= disabled; });
}

}  // namespace unplug::model

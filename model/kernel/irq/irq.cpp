#include "unplug/model/kernel/irq/irq.hpp"

#include <fmt/format.h>

#include "unplug/model/kernel/irq/irq_word.hpp"

namespace unplug::model {
namespace {

using namespace irq_word;

const Operation request_op{.name = "request_irq", .sync = sim::Sync::release}, unlink_op{.name = "free_irq: unlink action"},
    free_wait_op{.name = "free_irq: wait for the handler", .sync = sim::Sync::acquire}, stop_op{.name = "free_irq: stop the thread"},
    join_op{.name = "free_irq: wait for the thread", .sync = sim::Sync::acquire};
const Operation hard_op{.name = "synchronize_irq: wait for the handlers"},
    threads_op{.name = "synchronize_irq: wait for the threads", .sync = sim::Sync::acquire}, disable_op{.name = "disable_irq_nosync"},
    enable_op{.name = "enable_irq", .sync = sim::Sync::release};

// Flags that request_threaded_irq() refuses; null: fine.
const char* refused(const IrqAction& a) {
  if (a.no_autoen && a.shared) return "IRQF_NO_AUTOEN of a shared interrupt (-EINVAL)";
  if (a.handler == nullptr && a.primary == nullptr && (a.thread_fn == nullptr || !a.oneshot))
    return "no primary handler and no IRQF_ONESHOT: the line would come again before the thread is done (-EINVAL)";
  return nullptr;
}

bool install(IrqLine& line, IrqAction& action, std::uint64_t& word) {
  if (line.first != nullptr) {
    const IrqAction& old = *line.first;
    if (action.installed || !action.shared || !old.shared || action.oneshot != old.oneshot) return false;
    if ((word & spurious) != 0) word = (word & ~spurious) - depth_unit;  // another sharer: another chance
  } else {
    word = (word & ~(nobody | spurious | depth_mask)) | (action.no_autoen ? depth_unit : 0);
  }
  IrqAction** last = &line.first;
  while (*last != nullptr) last = &(*last)->next;
  *last = &action;
  action.next = nullptr;
  action.installed = true;
  return true;
}

bool unlink(IrqLine& line, IrqAction& action, std::uint64_t& word) {
  if (!action.installed) return false;
  IrqAction** at = &line.first;
  while (*at != &action) at = &(*at)->next;
  *at = action.next;  // its own pointer stays: a handler that runs goes on from there
  action.installed = false;
  if (line.first == nullptr) word = (word | nobody) + depth_unit;
  return true;
}

void stop_thread(Context& context, IrqLine& line, IrqAction& action) {
  context.write(stop_op, line.object, {}, [&](std::uint64_t& word) { word |= stop_bit(action); });
  if (context.aborting()) return;
  sim::Step join = context.make(join_op);
  join.access = {action.thread, sim::AccessKind::read};
  join.guard = sim::Guard::equal(1);
  context.wait(join, {"free_irq", line.name, Owner::driver}, [](std::uint64_t&) {});
}

void wait_for_all(Context& context, IrqLine& line, std::string_view what) {
  sim::Step hard = context.make(hard_op);
  hard.access = {line.object, sim::AccessKind::read};
  hard.guard = sim::Guard::equal(0, in_progress);
  context.wait(hard, {.what = what, .object = line.name, .owner = Owner::driver, .sleeps = false, .before = thread_holder},
               [](std::uint64_t&) {});
  if (context.aborting()) return;
  sim::Step threads = context.make(threads_op);
  threads.access = {line.object, sim::AccessKind::read};
  threads.guard = sim::Guard::equal(0, active_mask);
  context.wait(threads, {what, line.name, Owner::driver}, [](std::uint64_t&) {});
}

}  // namespace

void init_irq_line(Kernel& kernel, IrqLine& line, NameId unique_name, NameId declared) {
  line.object = kernel.engine().new_object(unique_name, nobody | depth_unit);
  line.name = declared;
  line.first = nullptr;
  line.threads = 0;
  line.kernel = &kernel;
}

void init_irq_action(Kernel& kernel, IrqLine& line, IrqAction& action, NameId unique_name, LifetimeId owner, NameId declared) {
  action.name = declared ? declared : line.name;
  action.life = kernel.new_lifetime(unique_name, LifetimeKind::irq, action.name, owner, false);
  action.next = nullptr;
  action.installed = false;
}

bool request_irq(Context& context, IrqLine& line, IrqAction& action) {
  if (const char* why = refused(action)) {
    context.kernel().report(ViolationClass::api_misuse, action.name, fmt::format("request_irq(): {}", why));
    return false;
  }
  context.might_sleep("request_irq");
  sim::Step s = context.make(request_op);
  s.access = {line.object, sim::AccessKind::write};
  return context.engine().step(s, [&](std::uint64_t& word) {
    const bool done = install(line, action, word);
    if (done) context.engine().begins(action.life);
    return done;
  });
}

void free_irq(Context& context, IrqLine& line, IrqAction& action) {
  sim::Step s = context.make(unlink_op);
  s.access = {line.object, sim::AccessKind::write};
  s.ends = action.life;
  const bool found = context.engine().step(s, [&](std::uint64_t& word) { return unlink(line, action, word); });
  if (!found || context.aborting()) return;
  sim::Step wait = context.make(free_wait_op);
  wait.access = {line.object, sim::AccessKind::read};
  wait.guard = sim::Guard::equal(0, in_progress);
  context.wait(wait, {.what = "free_irq", .object = line.name, .owner = Owner::driver, .before = thread_holder}, [](std::uint64_t&) {});
  if (context.aborting()) return;
  if (context.kernel().config().debug_shirq && action.shared) {
    const bool on = local_irq_save(context);
    call_primary(context, action);  // whatever it answers
    local_irq_restore(context, on);
    if (context.aborting()) return;
  }
  if (action.thread_fn != nullptr) stop_thread(context, line, action);
}

void synchronize_irq(Context& context, IrqLine& line) { wait_for_all(context, line, "synchronize_irq"); }

void disable_irq_nosync(Context& context, IrqLine& line) {
  context.write(disable_op, line.object, {}, [](std::uint64_t& word) { word += depth_unit; });
}

void disable_irq(Context& context, IrqLine& line) {
  context.might_sleep("disable_irq");
  disable_irq_nosync(context, line);
  if (!context.aborting()) wait_for_all(context, line, "disable_irq");
}

void enable_irq(Context& context, IrqLine& line) {
  context.write(enable_op, line.object, {}, [&](std::uint64_t& word) {
    if ((word & depth_mask) != 0) {
      word -= depth_unit;
    } else {
      context.kernel().report(ViolationClass::api_misuse, line.name, "enable_irq() without disable_irq()");
    }
  });
}

}  // namespace unplug::model

#include "unplug/model/kernel/work/kthread.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model {
namespace {

const Operation run_op{.name = "kthread_run", .sync = sim::Sync::release}, start_op{.name = "kthread starts", .sync = sim::Sync::acquire},
    should_op{.name = "kthread_should_stop", .sync = sim::Sync::acquire},
    sleep_op{.name = "kthread: schedule()", .sync = sim::Sync::acquire}, exit_op{.name = "kthread exits", .sync = sim::Sync::release},
    put_op{.name = "kthread: task_struct freed"}, get_op{.name = "get_task_struct"},
    release_op{.name = "put_task_struct", .sync = sim::Sync::both}, stop_op{.name = "kthread_stop: tell", .sync = sim::Sync::release},
    wait_op{.name = "kthread_stop: wait", .sync = sim::Sync::acquire}, done_op{.name = "kthread_stop: put_task_struct"},
    wake_op{.name = "wake_up_process", .sync = sim::Sync::both}, state_op{.name = "set_current_state", .sync = sim::Sync::both},
    schedule_op{.name = "schedule", .sync = sim::Sync::acquire};

constexpr std::uint64_t woken = 1, should_stop = 2, asleep = 4, returned = 8, run_unit = 16;

// From an effect: the thread that the name stands for, whose task_struct the step relies on.
Kthread::Run& present(Context& context, Kthread& t) {
  context.engine().uses(t.runs.back().task);
  return t.runs.back();
}

void free_task_struct(Context& context, const sim::Operation& operation, LifetimeId task) {
  sim::Step put = context.make(operation);
  put.ends = task;
  context.engine().step(put);
}

// do_exit() with what kthread_stop() will answer.
void exit_thread(Context& context, Kthread& t, int result) {
  context.finish();
  bool pinned = false;
  LifetimeId task;
  context.write(exit_op, t.object, {}, [&](std::uint64_t& word) {
    Kthread::Run& run = t.runs.back();
    word |= returned;
    run.result = result;
    pinned = run.pins != 0;
    task = run.task;
    context.kernel().unhold(t.object, context.engine().current());
  });
  if (!pinned && !context.aborting()) free_task_struct(context, put_op, task);  // else the last who pinned it does
}

void thread(void* argument) {
  auto& t = *static_cast<Kthread*>(argument);
  const std::size_t run = t.runs.size() - 1;
  Context context(*t.kernel, ContextKind::process);
  const TaskId me = context.engine().current();
  sim::Step start = context.make(start_op);
  start.access = {t.object, sim::AccessKind::write};
  start.guard = sim::Guard::equal(woken, woken);
  const WaitInfo info{.what = "kthread", .object = t.name, .owner = Owner::driver, .idle = true, .sleeps = false};
  bool stopped = false;
  context.wait(start, info, [&](std::uint64_t& word) {
    context.kernel().hold(t.object, me);
    stopped = (word & should_stop) != 0;
  });
  if (context.aborting()) return;
  const int result = stopped ? eintr : t.function(context, t.argument);
  if (!context.aborting() && !t.runs[run].exited) exit_thread(context, t, result);
}

// A thread of its own, which sleeps until it is woken for the first time.
void start(Kthread& t, NameId unique_name, NameId task_name) {
  static constexpr std::string_view task_struct = "task_struct";
  static const StaticName role{"kthread"};
  const NameId name = t.kernel->engine().names().child(unique_name, task_struct, 1);
  t.runs.push_back({t.kernel->new_lifetime(name, LifetimeKind::memory, t.name, {}, true)});
  t.kernel->spawn(task_name, t.kernel->intern(role), thread, &t, true);
}

}  // namespace

void init_kthread(Kernel& kernel, Kthread& t, NameId unique_name, NameId declared, NameId task_name, LifetimeId owner) {
  t.object = kernel.engine().new_object(unique_name, 0);
  t.name = declared;
  t.task_name = task_name;
  t.kernel = &kernel;
  t.runs.clear();
  const auto left = [](std::uint64_t word) -> std::uint64_t { return (word & (woken | returned)) == woken ? 1 : 0; };
  if (owner) kernel.note_count({t.object, declared, owner, left, "running"});
  start(t, unique_name, task_name);
}

void kthread_run(Context& context, Kthread& t) {
  const bool again = context.write(run_op, t.object, {}, [](std::uint64_t& word) {
    const bool over = (word & returned) != 0;
    if (over) word = (word / run_unit + 1) * run_unit;
    word |= woken;
    return over;
  });
  sim::Engine& engine = context.engine();
  if (again && !context.aborting())
    start(t, engine.own_name(context.kernel().text(t.name)), engine.own_name(context.kernel().text(t.task_name)));
}

void wake_up_process(Context& context, Kthread& t) {
  context.write(wake_op, t.object, {}, [&](std::uint64_t& word) {
    present(context, t);
    word = (word | woken) & ~asleep;
  });
}

void set_current_state(Context& context, Kthread& t, TaskState state) {
  context.write(state_op, t.object, {}, [&](std::uint64_t& word) {
    t.runs.back().told = (word & should_stop) != 0;
    word = state == TaskState::running ? word & ~asleep : word | asleep;
  });
}

void schedule(Context& context, Kthread& t) {
  sim::Step s = context.make(schedule_op);
  s.access = {t.object, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, asleep);
  // Somebody already waits for it to end: then it does not sleep for want of work.
  context.wait(s, {.what = "schedule", .object = t.name, .owner = Owner::driver, .idle = !t.runs.back().told, .returns = true},
               [](std::uint64_t&) {});
}

void kthread_exit(Context& context, Kthread& t, int result) {
  static const StaticName name{"kthread_exit"};
  const Context::KernelFunction function(context, name);
  t.runs.back().exited = true;
  exit_thread(context, t, result);
}

void module_put_and_kthread_exit(Context& context, Kthread& t, Module* m, int result) {
  static const StaticName name{"module_put_and_kthread_exit"};
  const Context::KernelFunction function(context, name);
  module_put(context, m);
  if (!context.aborting()) kthread_exit(context, t, result);
}

bool kthread_should_stop(Context& context, Kthread& t) { return (context.read(should_op, t.object, {}) & should_stop) != 0; }

void kthread_wait_to_stop(Context& context, Kthread& t) {
  sim::Step s = context.make(sleep_op);
  s.access = {t.object, sim::AccessKind::read};
  s.guard = sim::Guard::equal(should_stop, should_stop);
  context.wait(s, {.what = "schedule", .object = t.name, .owner = Owner::driver, .idle = true, .returns = true}, [](std::uint64_t&) {});
}

void kthread_get(Context& context, Kthread& t) {
  context.write(get_op, t.object, {}, [&](std::uint64_t&) { ++present(context, t).pins; });
}

void kthread_put(Context& context, Kthread& t) {
  LifetimeId task;
  const bool last = context.write(release_op, t.object, {}, [&](std::uint64_t& word) {
    Kthread::Run& run = present(context, t);
    task = run.task;
    if (run.pins == 0) {
      context.kernel().report(ViolationClass::api_misuse, t.name, "put_task_struct() without a reference");
      return false;
    }
    return --run.pins == 0 && (word & returned) != 0;
  });
  if (last && !context.aborting()) free_task_struct(context, put_op, task);
}

int kthread_stop(Context& context, Kthread& t) {
  bool first = false;
  std::size_t which = 0;
  context.write(stop_op, t.object, {}, [&](std::uint64_t& word) {
    Kthread::Run& run = present(context, t);
    which = t.runs.size() - 1;
    word = (word | should_stop | woken) & ~asleep;
    // get_task_struct(), by whoever stops it first; a thread that has returned is beyond that.
    first = !run.stopped && (word & returned) == 0;
    run.stopped = true;
    if (first) ++run.pins;
  });
  if (context.aborting()) return 0;
  sim::Step s = context.make(wait_op, t.runs[which].task);
  s.access = {t.object, sim::AccessKind::read};
  s.guard = sim::Guard::at_least(which * run_unit + returned, ~(woken | should_stop | asleep));
  int result = 0;
  bool last = false;
  context.wait(s, {"kthread_stop", t.name, Owner::driver}, [&](std::uint64_t&) {
    Kthread::Run& run = t.runs[which];
    result = run.result;
    last = first && --run.pins == 0;  // nobody else who only looks touches that
  });
  if (last && !context.aborting()) free_task_struct(context, done_op, t.runs[which].task);
  return result;
}

}  // namespace unplug::model

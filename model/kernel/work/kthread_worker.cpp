#include "unplug/model/kernel/work/kthread_worker.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation run_op{.name = "kthread_run_worker", .sync = sim::Sync::release},
    next_op{.name = "kthread_worker_fn: next", .sync = sim::Sync::both},
    sleep_op{.name = "kthread_worker_fn: sleep", .sync = sim::Sync::acquire},
    complete_op{.name = "kthread_flush_work_fn", .sync = sim::Sync::release};
const Operation queue_op{.name = "kthread_queue_work", .sync = sim::Sync::release},
    delayed_op{.name = "kthread_queue_delayed_work", .sync = sim::Sync::release},
    timer_op{.name = "kthread_delayed_work_timer_fn", .sync = sim::Sync::release},
    flush_op{.name = "kthread_flush_work", .sync = sim::Sync::acquire},
    flush_worker_op{.name = "kthread_flush_worker", .sync = sim::Sync::acquire},
    flushed_op{.name = "kthread_flush_work: wait", .sync = sim::Sync::acquire};
const Operation cancel_op{.name = "kthread_cancel_work_sync", .sync = sim::Sync::acquire},
    canceled_op{.name = "kthread_cancel_work_sync: done"}, hold_timer_op{.name = "kthread_cancel_delayed_work_timer"},
    cancel_delayed_op{.name = "kthread_cancel_delayed_work_sync", .sync = sim::Sync::acquire},
    mod_op{.name = "kthread_mod_delayed_work", .sync = sim::Sync::release},
    stop_op{.name = "kthread_stop: tell the worker", .sync = sim::Sync::release},
    stopped_op{.name = "kthread_stop: wait for the worker", .sync = sim::Sync::acquire},
    free_op{.name = "kthread_destroy_worker: free", .sync = sim::Sync::acquire};

// The word: bit 0 the thread has something to do; bit 1 it has ended; bit 2 it has been started.
constexpr std::uint64_t ready = 1, ended = 2, started = 4;

using On = KthreadWork::On;

void refresh(const KthreadWorker& worker, std::uint64_t& word) {
  const bool something = (word & started) != 0 && (worker.stop || !worker.list.empty());
  word = something ? word | ready : word & ~ready;
}

// A step under worker->lock.
sim::Step under_lock(Context& context, const Operation& operation, const KthreadWorker& worker, LifetimeId home = {}) {
  sim::Step s = context.make(operation, home);
  s.uses.add(worker.life);
  s.access = {worker.object, sim::AccessKind::write};
  return s;
}

void thread(void* argument) {
  auto& worker = *static_cast<KthreadWorker*>(argument);
  Context context(*worker.kernel, ContextKind::process);
  static const KernelSite site{"kthread_worker_fn", "next"};
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  KthreadWorker::Entry entry{};
  bool stop = false;
  const auto take = [&](std::uint64_t& word) {
    entry = {};
    stop = worker.stop;
    if (stop) {
      word |= ended;
      context.kernel().unhold(worker.object, worker.task);
    } else if (!worker.list.empty()) {
      entry = worker.list.front();
      worker.list.erase(worker.list.begin());
    }
    if (!stop) worker.current = entry.work;
    if (entry.work != nullptr) entry.work->on = On::none;
    refresh(worker, word);
  };
  for (;;) {
    if (entry.work == nullptr && !entry.flush) {
      sim::Step s = under_lock(context, sleep_op, worker);
      s.guard = sim::Guard::equal(ready, ready);
      context.wait(s, {.what = "kthread_worker_fn", .object = worker.name, .owner = Owner::driver, .idle = true, .sleeps = false}, take);
    } else {
      context.engine().step(under_lock(context, next_op, worker), take);
    }
    if (stop || context.aborting()) return;
    if (entry.flush) {
      context.write(complete_op, entry.flush, {}, [&](std::uint64_t& word) {
        word = 1;
        context.kernel().unhold(entry.flush, worker.task);
      });
    } else if (entry.work != nullptr) {
      entry.work->function(context, entry.work->argument);
    }
    if (context.aborting()) return;
    context.finish();
  }
}

void start(KthreadWorker& worker, NameId task_name) {
  static const StaticName role{"kthread worker"};
  worker.task = worker.kernel->spawn(task_name, worker.kernel->intern(role), thread, &worker, true);
  worker.kernel->hold(worker.object, worker.task);
}

// Takes it off whatever list it is on. Whether it was on one.
bool take_off(KthreadWork& w) {
  KthreadWorker& worker = *w.worker;
  const On was = w.on;
  w.on = On::none;
  if (was == On::list) std::erase_if(worker.list, [&](const KthreadWorker::Entry& e) { return e.work == &w; });
  if (was == On::delayed) --worker.delayed;
  return was != On::none;
}

void put(KthreadWork& w, bool delayed, std::uint64_t& word) {
  w.on = delayed ? On::delayed : On::list;
  if (delayed) {
    ++w.worker->delayed;
  } else {
    w.worker->list.push_back({&w, {}});
    refresh(*w.worker, word);
  }
}

bool put_if_allowed(Context& context, KthreadWorker& worker, KthreadWork& w, bool delayed, std::uint64_t& word) {
  if (w.worker != &worker) {
    context.kernel().report(ViolationClass::api_misuse, w.name,
                            fmt::format("'{}' is used with more than one kthread_worker", context.kernel().text(w.name)));
    return false;
  }
  if (w.on != On::none || w.canceling != 0) return false;
  put(w, delayed, word);
  return true;
}

// Puts a flush where `at` says, and waits for it. at(): the place, or the end of the list; no place: none is needed.
template <class Place> void flush(Context& context, KthreadWorker& worker, const Operation& operation, LifetimeId home, Place&& place) {
  if (context.aborting()) return;
  const ObjectId done = context.engine().new_object(context.engine().own_name("kthread_flush_work"), 0);
  context.kernel().declare_object(done, worker.name);
  const bool waits = context.engine().step(under_lock(context, operation, worker, home), [&](std::uint64_t& word) {
    if (!place(done)) return false;
    context.kernel().hold(done, worker.task);
    refresh(worker, word);
    return true;
  });
  if (!waits || context.aborting()) return;
  sim::Step s = context.make(flushed_op);
  s.access = {done, sim::AccessKind::read};
  s.guard = sim::Guard::not_equal(0);
  context.wait(s, {operation.name, worker.name, Owner::driver}, [](std::uint64_t&) {});
}

// The rest of cancelling, after the step that took it off its list.
void wait_if_running(Context& context, KthreadWork& w, bool running) {
  if (!running || context.aborting()) return;
  kthread_flush_work(context, w);
  if (context.aborting()) return;
  context.engine().step(under_lock(context, canceled_op, *w.worker, w.home), [&](std::uint64_t&) { --w.canceling; });
}

// The timer is not armed and its function does not run, and nobody can queue it, until the caller lets go of `canceling`.
void hold_timer(Context& context, KthreadDelayedWork& w) {
  context.engine().step(under_lock(context, hold_timer_op, *w.work.worker, w.work.home), [&](std::uint64_t&) { ++w.work.canceling; });
  if (!context.aborting()) timer_delete_sync(context, w.timer);
}

void timer_fn(Context& context, void* argument) {
  KthreadWork& w = static_cast<KthreadDelayedWork*>(argument)->work;
  context.engine().step(under_lock(context, timer_op, *w.worker, w.home), [&](std::uint64_t& word) {
    if (w.on != On::delayed) return;
    take_off(w);
    if (w.canceling == 0) put(w, false, word);
  });
}

void stop_thread(Context& context, KthreadWorker& worker, std::string_view what) {
  context.engine().step(under_lock(context, stop_op, worker), [&](std::uint64_t& word) {
    worker.stop = true;
    word |= started;
    refresh(worker, word);
  });
  if (context.aborting()) return;
  sim::Step s = context.make(stopped_op);
  s.access = {worker.object, sim::AccessKind::read};
  s.guard = sim::Guard::equal(ended, ended);
  context.wait(s, {what, worker.name, Owner::driver}, [](std::uint64_t&) {});
}

}  // namespace

void init_kthread_worker(Kernel& kernel, KthreadWorker& worker, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner,
                         NameId task_name) {
  worker = {};
  worker.object = kernel.engine().new_object(unique_name, 0);
  worker.name = declared;
  worker.own = !home;
  worker.life = home ? home : kernel.new_lifetime(unique_name, LifetimeKind::memory, declared, owner, false);
  worker.kernel = &kernel;
  worker.task_name = task_name;
  start(worker, task_name);
}

void init_kthread_work(KthreadWork& w, KthreadWorker& worker, NameId declared, LifetimeId home) {
  w.name = declared;
  w.home = home;
  w.worker = &worker;
  w.on = On::none;
  w.canceling = 0;
}

void init_kthread_delayed_work(Kernel& kernel, KthreadDelayedWork& w, KthreadWorker& worker, NameId declared, LifetimeId home,
                               NameId timer_name, NameId timer_task) {
  init_kthread_work(w.work, worker, declared, home);
  w.timer.function = timer_fn;
  w.timer.hr_function = nullptr;
  w.timer.argument = &w;
  init_timer(kernel, w.timer, timer_name, declared, home, timer_task);
}

void kthread_run_worker(Context& context, KthreadWorker& worker) {
  sim::Step s = under_lock(context, run_op, worker);
  if (worker.own) s.begins = worker.life;
  const bool again = context.engine().step(s, [&](std::uint64_t& word) {
    const bool over = (word & ended) != 0;
    if (over) {
      word = 0;
      worker.list.clear();
      worker.delayed = 0;
      worker.stop = false;
    }
    word |= started;
    refresh(worker, word);
    return over;
  });
  if (again && !context.aborting()) start(worker, context.engine().own_name(context.kernel().text(worker.task_name)));
}

void kthread_stop(Context& context, KthreadWorker& worker) { stop_thread(context, worker, "kthread_stop"); }

void kthread_destroy_worker(Context& context, KthreadWorker& worker) {
  kthread_flush_worker(context, worker);
  if (!context.aborting()) stop_thread(context, worker, "kthread_destroy_worker");
  if (context.aborting()) return;
  sim::Step s = under_lock(context, free_op, worker);
  s.ends = worker.life;
  context.engine().step(s, [&](std::uint64_t&) {
    if (!worker.list.empty() || worker.delayed != 0)
      context.kernel().report(ViolationClass::api_misuse, worker.name, "kthread_destroy_worker() with works still queued");
  });
}

bool kthread_queue_work(Context& context, KthreadWorker& worker, KthreadWork& w) {
  return context.engine().step(under_lock(context, queue_op, worker, w.home),
                               [&](std::uint64_t& word) { return put_if_allowed(context, worker, w, false, word); });
}

bool kthread_queue_delayed_work(Context& context, KthreadWorker& worker, KthreadDelayedWork& w, sim::Duration delay) {
  const bool queued = context.engine().step(under_lock(context, delayed_op, worker, w.work.home),
                                            [&](std::uint64_t& word) { return put_if_allowed(context, worker, w.work, delay != 0, word); });
  if (queued && delay != 0 && !context.aborting()) mod_timer(context, w.timer, delay);
  return queued;
}

bool kthread_mod_delayed_work(Context& context, KthreadWorker& worker, KthreadDelayedWork& w, sim::Duration delay) {
  hold_timer(context, w);
  if (context.aborting()) return false;
  bool was = false;
  const bool queued = context.engine().step(under_lock(context, mod_op, worker, w.work.home), [&](std::uint64_t& word) {
    if (--w.work.canceling != 0) return false;
    was = take_off(w.work);
    return put_if_allowed(context, worker, w.work, delay != 0, word);
  });
  if (queued && delay != 0 && !context.aborting()) mod_timer(context, w.timer, delay);
  return was;
}

void kthread_flush_work(Context& context, KthreadWork& w) {
  flush(context, *w.worker, flush_op, w.home, [&](ObjectId done) {
    std::vector<KthreadWorker::Entry>& list = w.worker->list;
    if (w.on == On::delayed) return true;  // the flush goes on that list, which nobody works off
    const auto queued = std::ranges::find(list, &w, &KthreadWorker::Entry::work);
    if (queued == list.end() && w.worker->current != &w) return false;
    list.insert(queued == list.end() ? list.begin() : queued + 1, {nullptr, done});
    return true;
  });
}

void kthread_flush_worker(Context& context, KthreadWorker& worker) {
  flush(context, worker, flush_worker_op, {}, [&](ObjectId done) {
    worker.list.push_back({nullptr, done});
    return true;
  });
}

bool kthread_cancel_work_sync(Context& context, KthreadWork& w) {
  bool running = false;
  const bool was = context.engine().step(under_lock(context, cancel_op, *w.worker, w.home), [&](std::uint64_t& word) {
    const bool on = take_off(w);
    running = w.worker->current == &w;
    if (running) ++w.canceling;
    refresh(*w.worker, word);
    return on;
  });
  wait_if_running(context, w, running);
  return was;
}

bool kthread_cancel_delayed_work_sync(Context& context, KthreadDelayedWork& w) {
  hold_timer(context, w);
  if (context.aborting()) return false;
  bool running = false;
  const bool was = context.engine().step(under_lock(context, cancel_delayed_op, *w.work.worker, w.work.home), [&](std::uint64_t& word) {
    const bool on = take_off(w.work);
    running = w.work.worker->current == &w.work;
    if (!running) --w.work.canceling;
    refresh(*w.work.worker, word);
    return on;
  });
  wait_if_running(context, w.work, running);
  return was;
}

}  // namespace unplug::model

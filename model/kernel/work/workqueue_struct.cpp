#include "unplug/model/kernel/work/workqueue_struct.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/kernel/work/work_steps.hpp"
#include "unplug/model/kernel/work/work_word.hpp"

namespace unplug::model {
namespace {

using namespace work_word;
using work_steps::Look;

const Operation promise_op{.name = "queue_work: set PENDING", .sync = sim::Sync::release},
    insert_op{.name = "insert_work", .sync = sim::Sync::release}, link_op{.name = "insert_work: wake a worker", .sync = sim::Sync::release},
    drop_op{.name = "__queue_work: dropped"}, pick_op{.name = "worker picks the first work", .sync = sim::Sync::acquire},
    take_op{.name = "worker takes work from a queue", .sync = sim::Sync::acquire},
    leave_op{.name = "pwq_dec_nr_in_flight", .sync = sim::Sync::release};
const Operation find_op{.name = "try_to_grab_pending: look on the list"}, clear_op{.name = "try_to_grab_pending: clear PENDING"},
    unlock_op{.name = "try_to_grab_pending: unlock the pool"}, arrive_op{.name = "try_to_grab_pending: wait for the list"},
    settled_op{.name = "try_to_grab_pending: wait for the item"};
const Operation alloc_op{.name = "alloc_workqueue", .sync = sim::Sync::release}, destroy_op{.name = "destroy_workqueue: begin"},
    free_op{.name = "destroy_workqueue: free", .sync = sim::Sync::acquire},
    flush_op{.name = "flush_workqueue: look", .sync = sim::Sync::acquire},
    flush_wait_op{.name = "flush_workqueue: wait", .sync = sim::Sync::acquire}, drain_op{.name = "drain_workqueue: begin"},
    drained_op{.name = "drain_workqueue: empty?", .sync = sim::Sync::acquire};

// The word. Bit 0: an item is being taken back. Bits 1..7: the worker that is to take the head of the list; 0: nothing to take, or nobody
// free. Bits 16..39: how many items have been queued. Bits 40..63: how many of them, from the first, are not under way any more.
constexpr std::uint64_t locked = 1, go_unit = 2, go_mask = 0xfe, serial_mask = 0xffffff;
constexpr unsigned serial_shift = 16, oldest_shift = 40;

// The first that may be run now.
Workqueue::Entry* runnable(Workqueue& q) {
  const auto runs = [](const Workqueue::Entry& e) { return e.worker != 0; };
  auto active = static_cast<unsigned>(std::ranges::count_if(q.entries, runs));
  for (Workqueue::Entry& e : q.entries) {
    if (runs(e)) continue;
    if (active++ >= q.max_active) break;
    if (std::ranges::none_of(q.entries, [&](const Workqueue::Entry& o) { return runs(o) && o.work == e.work; })) return &e;
  }
  return nullptr;
}

// The word of what is beside it.
void refresh(Workqueue& q, std::uint64_t& word) {
  const std::uint64_t oldest = q.entries.empty() ? q.next_serial : q.entries.front().serial;
  std::uint64_t go = 0;
  const auto idle = std::ranges::find(q.workers, false, &Workqueue::Worker::busy);
  if (idle != q.workers.end() && runnable(q) != nullptr) go = idle->number * go_unit;
  word = (word & locked) | go | (q.next_serial & serial_mask) << serial_shift | (oldest & serial_mask) << oldest_shift;
}

// Which worker will run it is open, so a waiter waits for all of them.
void hold_by_all(Workqueue& q, const Work& w) {
  for (const Workqueue::Worker& worker : q.workers) q.kernel->hold(w.object, worker.task);
}
void unhold_by_all(Workqueue& q, const Work& w) {
  for (const Workqueue::Worker& worker : q.workers) q.kernel->unhold(w.object, worker.task);
}

void queue_worker(void* argument) {
  auto& me = *static_cast<Workqueue::Worker*>(argument);
  Workqueue& q = *me.queue;
  Context context(*q.kernel, ContextKind::process);
  static const KernelSite take_site{"worker_thread", "take"}, run_site{"process_one_work", "take from a queue"};
  const Context::KernelFunction function(context, take_site.function);
  for (;;) {
    context.at(take_site);
    sim::Step pick = context.make(pick_op);
    pick.access = {q.object, sim::AccessKind::write};
    pick.guard = sim::Guard::equal(me.number * go_unit, go_mask | locked);
    Workqueue::Entry picked{};
    context.wait(pick, {.what = "worker", .object = q.name, .owner = Owner::driver, .idle = true, .sleeps = false},
                 [&](std::uint64_t& word) {
                   Workqueue::Entry& e = *runnable(q);
                   e.worker = me.number;
                   picked = e;
                   me.busy = true;
                   context.kernel().hold(q.object, me.task, e.serial);
                   context.lock_hold({.object = q.object, .name = q.name, .use = LockUse::exclusive, .map = true});
                   refresh(q, word);
                 });
    if (context.aborting()) return;
    Work& w = *picked.work;
    {
      const Context::KernelFunction process(context, run_site.function);
      context.at(run_site);
      sim::Step take = context.make(take_op, w.home);
      take.access = {w.object, sim::AccessKind::write};
      take.guard = sim::Guard::equal(0, running);
      context.wait(take, {.what = "worker", .object = w.name, .owner = Owner::driver, .sleeps = false}, [&](std::uint64_t& word) {
        unhold_by_all(q, w);
        work_steps::start(context, w, word);
      });
      if (context.aborting()) return;
      context.workqueue = &q;
      work_steps::run(context, w);
      if (context.aborting()) return;
    }
    work_steps::leave(context, q, w, picked.number);
    context.finish();
  }
}

// Takes it off the list. false: it is on its way to a worker, or somebody else has taken it off.
bool take_off_list(Context& context, Workqueue& q, Work& w, std::uint64_t number, std::uint64_t claim) {
  enum class At : std::uint8_t { list, worker, nowhere } at = At::nowhere;
  const WaitInfo spinning{.what = "try_to_grab_pending", .object = w.name, .owner = Owner::driver, .sleeps = false};
  for (;;) {
    std::uint64_t seen = 0;
    sim::Step find = context.make(find_op);
    find.access = {q.object, sim::AccessKind::write};
    find.guard = sim::Guard::equal(0, locked);
    context.wait(find, spinning, [&](std::uint64_t& word) {
      const auto waits = [&](const Workqueue::Entry& e) { return e.work == &w && e.number == number && e.worker == 0; };
      const auto came = [&](const auto& i) { return i.first == &w && i.second >= number; };
      at = std::ranges::any_of(q.inserted, came) ? At::worker : At::nowhere;
      if (q.max_active != 0 && std::erase_if(q.entries, waits) != 0) {
        at = At::list;
        word |= locked;
      }
      refresh(q, word);
      seen = word >> serial_shift & serial_mask;
    });
    if (context.aborting() || at == At::worker) return false;
    if (at == At::list) break;
    // Whoever queues it has set PENDING and is about to put it on the list.
    sim::Step arrive = context.make(arrive_op);
    arrive.access = {q.object, sim::AccessKind::read};
    arrive.guard = sim::Guard::not_equal(seen << serial_shift, serial_mask << serial_shift);
    context.wait(arrive, spinning, [](std::uint64_t&) {});
    if (context.aborting()) return false;
  }
  context.write(clear_op, w.object, w.home, [&](std::uint64_t& word) {
    unhold_by_all(q, w);
    work_word::take_back(word, listed, claim);
  });
  context.write(unlock_op, q.object, {}, [](std::uint64_t& word) { word &= ~locked; });
  return !context.aborting();
}

sim::Step on_queue(Context& context, const Operation& operation, Workqueue& q, LifetimeId home = {}) {
  sim::Step s = context.make(operation, home);
  s.uses.add(q.life);
  s.access = {q.object, sim::AccessKind::write};
  return s;
}

void flush(Context& context, Workqueue& q, std::string_view what) {
  sim::Step look = on_queue(context, flush_op, q);
  look.access.kind = sim::AccessKind::read;
  const std::uint64_t until = context.engine().step(look, [](std::uint64_t& word) { return word >> serial_shift & serial_mask; });
  if (context.aborting()) return;
  sim::Step wait = on_queue(context, flush_wait_op, q);
  wait.access.kind = sim::AccessKind::read;
  wait.guard = sim::Guard::at_least(until << oldest_shift, serial_mask << oldest_shift);
  context.wait(wait, {.what = what, .object = q.name, .owner = Owner::driver, .before = until}, [](std::uint64_t&) {});
}

void drain(Context& context, Workqueue& q, std::string_view what) {
  context.engine().step(on_queue(context, drain_op, q), [&](std::uint64_t&) { ++q.drainers; });
  for (unsigned round = 1; !context.aborting(); ++round) {
    flush(context, q, what);
    if (context.aborting()) return;
    const bool empty = context.engine().step(on_queue(context, drained_op, q), [&](std::uint64_t&) {
      if (!q.entries.empty()) {
        if (round == 10)
          context.kernel().report(ViolationClass::api_misuse, q.name, fmt::format("{}() isn't complete after 10 tries", what));
        return false;
      }
      --q.drainers;
      return true;
    });
    if (empty) return;
  }
}

}  // namespace

namespace work_steps {

Look look(Work& w, std::uint64_t& word, std::uint64_t claim) {
  Look l{Look::Found::nothing, w.queue, queued(word)};
  if ((word & linked) != 0) {
    l.found = Look::Found::stolen;
    work_word::take_back(word, linked, claim);
  } else if ((word & listed) != 0) {
    l.found = Look::Found::listed;
  } else if ((word & dropped) != 0) {
    l.found = Look::Found::dropped;
  } else if ((word & pending) != 0) {
    l.found = Look::Found::timer;
  } else {
    word |= claim;
  }
  return l;
}

Look::Found take_back(Context& context, Work& w, Look l, std::uint64_t claim) {
  while (!context.aborting()) {
    if (l.found == Look::Found::stolen && l.queue != nullptr) leave(context, *l.queue, w, l.number);
    if (l.found != Look::Found::listed && l.found != Look::Found::dropped) return l.found;
    if (l.found == Look::Found::listed && l.queue->max_active != 0) {
      if (take_off_list(context, *l.queue, w, l.number, claim)) return Look::Found::stolen;
      // A worker has it: for who wants no more than it back, it runs.
      if (claim == 0) return Look::Found::nothing;
    }
    if (context.aborting()) break;
    sim::Step again = context.make(settled_op, w.home);
    again.access = {w.object, sim::AccessKind::write};
    again.guard = sim::Guard::equal(0, listed | dropped);
    l = context.wait(again, {.what = "try_to_grab_pending", .object = w.name, .owner = Owner::driver, .sleeps = false},
                     [&](std::uint64_t& word) { return look(w, word, claim); });
  }
  return Look::Found::nothing;
}

std::uint64_t promise(Work& w, Workqueue& q, std::uint64_t& word) {
  w.queue = &q;
  hold_by_all(q, w);
  return list(word);
}

void insert(Context& context, Workqueue& q, Work& w, std::uint64_t number) {
  if (context.aborting()) return;
  const bool taken = context.engine().step(on_queue(context, insert_op, q, w.home), [&](std::uint64_t& word) {
    if ((q.drainers != 0 || q.destroying) && context.workqueue != &q) {
      context.kernel().report(ViolationClass::api_misuse, q.name,
                              fmt::format("cannot queue '{}' on wq '{}', which is being drained", context.kernel().text(w.name),
                                          context.kernel().text(q.name)));
      return false;
    }
    q.entries.push_back({&w, number, q.next_serial, 0});
    if (q.max_active == 0) context.kernel().hold(q.object, w.task, q.next_serial);
    ++q.next_serial;
    const auto known = std::ranges::find(q.inserted, &w, [](const auto& i) { return i.first; });
    if (known == q.inserted.end()) {
      q.inserted.emplace_back(&w, number);
    } else {
      known->second = number;
    }
    refresh(q, word);
    return true;
  });
  if (context.aborting() || (taken && q.max_active != 0)) return;
  context.write(taken ? link_op : drop_op, w.object, w.home, [&](std::uint64_t& word) {
    word &= ~listed;
    word |= taken ? linked : dropped;
    if (taken) return;
    unhold_by_all(q, w);
    settle(word);
  });
}

void leave(Context& context, Workqueue& q, Work& w, std::uint64_t number) {
  context.write(leave_op, q.object, {}, [&](std::uint64_t& word) {
    const auto mine = std::ranges::find_if(q.entries, [&](const Workqueue::Entry& e) { return e.work == &w && e.number == number; });
    const unsigned worker = mine->worker;
    q.entries.erase(mine);
    if (worker != 0) q.workers[worker - 1].busy = false;
    context.kernel().unhold(q.object, worker != 0 ? q.workers[worker - 1].task : w.task);
    if (context.workqueue == &q && context.work == nullptr) {
      context.lock_release(q.object);
      context.workqueue = nullptr;
    }
    refresh(q, word);
  });
}

}  // namespace work_steps

void init_workqueue(Kernel& kernel, Workqueue& q, NameId unique_name, NameId declared, LifetimeId owner, NameId task_name,
                    unsigned max_active, bool from_start) {
  static const StaticName role{"kworker"};
  static constexpr std::string_view part = "worker";
  q = {};
  q.object = kernel.engine().new_object(unique_name, 0);
  q.name = declared;
  q.life = kernel.new_lifetime(unique_name, LifetimeKind::memory, declared, owner, from_start);
  q.max_active = max_active;
  q.kernel = &kernel;
  for (unsigned n = 1; n <= max_active; ++n) q.workers.push_back({&q, n, {}, false});
  for (Workqueue::Worker& w : q.workers) {
    const NameId name = max_active == 1 ? task_name : kernel.engine().names().child(task_name, part, w.number);
    w.task = kernel.spawn(name, kernel.intern(role), queue_worker, &w, true);
  }
}

void alloc_workqueue(Context& context, Workqueue& q) {
  sim::Step s = context.make(alloc_op);
  s.access = {q.object, sim::AccessKind::write};
  s.begins = q.life;
  context.engine().step(s, [&](std::uint64_t&) { q.destroying = false; });
}

void destroy_workqueue(Context& context, Workqueue& q) {
  context.lock_acquire(q.object, q.name, LockUse::wait);
  context.engine().step(on_queue(context, destroy_op, q), [&](std::uint64_t&) { q.destroying = true; });
  drain(context, q, "destroy_workqueue");
  if (context.aborting()) return;
  sim::Step s = on_queue(context, free_op, q);
  s.ends = q.life;
  context.engine().step(s, [](std::uint64_t&) {});
}

bool queue_work(Context& context, Workqueue& q, Work& w) {
  std::uint64_t number = 0;
  const bool mine = context.write(promise_op, w.object, w.home, [&](std::uint64_t& word) {
    if ((word & (pending | disable_mask)) != 0) return false;
    number = work_steps::promise(w, q, word);
    return true;
  });
  if (mine) work_steps::insert(context, q, w, number);
  return mine;
}

void flush_workqueue(Context& context, Workqueue& q) {
  context.lock_acquire(q.object, q.name, LockUse::wait);
  flush(context, q, "flush_workqueue");
}

void drain_workqueue(Context& context, Workqueue& q) {
  context.lock_acquire(q.object, q.name, LockUse::wait);
  drain(context, q, "drain_workqueue");
}

}  // namespace unplug::model

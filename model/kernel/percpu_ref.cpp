#include "unplug/model/kernel/percpu_ref.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation look_op{.name = "percpu_ref: look at the mark"}, percpu_get_op{.name = "percpu_ref_get: this CPU"},
    percpu_put_op{.name = "percpu_ref_put: this CPU", .sync = sim::Sync::release}, get_op{.name = "percpu_ref_get: atomic"},
    tryget_op{.name = "percpu_ref_tryget: atomic"}, put_op{.name = "percpu_ref_put: atomic", .sync = sim::Sync::both};
const Operation kill_op{.name = "percpu_ref_kill: mark", .sync = sim::Sync::release},
    begin_switch_op{.name = "percpu_ref_kill: begin switching"}, switch_get_op{.name = "percpu_ref_kill: reference for the switch"},
    sum_op{.name = "percpu_ref switch: sum the counters", .sync = sim::Sync::acquire},
    add_op{.name = "percpu_ref switch: add the sum", .sync = sim::Sync::release},
    end_switch_op{.name = "percpu_ref switch: done", .sync = sim::Sync::release}, exit_mark_op{.name = "percpu_ref_exit: mark"},
    exit_op{.name = "percpu_ref_exit: counters freed"};

constexpr std::uint64_t atomic = 1, dead = 2, bias = std::uint64_t{1} << 63U;

// A step on one of the counters, which end with percpu_ref_exit().
template <class Effect> auto on(Context& context, PercpuRef& ref, const Operation& operation, ObjectId counter, Effect&& effect) {
  sim::Step s = context.make(operation, ref.home);
  s.access = {counter, sim::AccessKind::write};
  s.uses.add(ref.data);
  return context.engine().step(s, effect);
}

enum class Get : std::uint8_t { always, unless_zero, live };

bool get(Context& context, PercpuRef& ref, Get how) {
  rcu_read_lock(context, *ref.rcu);
  const std::uint64_t flags = context.read(look_op, ref.flags, ref.home);
  bool got = true;
  if (flags == 0) {
    on(context, ref, percpu_get_op, ref.percpu, [](std::uint64_t& word) { ++word; });
  } else if (how == Get::always) {
    on(context, ref, get_op, ref.count, [](std::uint64_t& word) { ++word; });
  } else {
    got = (how != Get::live || (flags & dead) == 0) && on(context, ref, tryget_op, ref.count, [](std::uint64_t& word) {
            if (word == 0) return false;
            ++word;
            return true;
          });
  }
  rcu_read_unlock(context, *ref.rcu);
  return got;
}

// percpu_ref_switch_to_atomic_rcu(), a grace period after the mark.
void switched(Context& context, void* argument) {
  auto& ref = *static_cast<PercpuRef*>(argument);
  const std::uint64_t sum = on(context, ref, sum_op, ref.percpu, [](std::uint64_t& word) { return word; });
  on(context, ref, add_op, ref.count, [&](std::uint64_t& word) {
    word += sum - bias;
    if (word == 0 || word >= bias)
      context.kernel().report(ViolationClass::api_misuse, ref.name,
                              fmt::format("percpu_ref '{}' is not above 0 after switching to atomic", context.kernel().text(ref.name)));
  });
  if (context.aborting()) return;
  if (ref.confirm != nullptr) ref.confirm(context, ref.argument);
  on(context, ref, end_switch_op, ref.switching, [](std::uint64_t& word) { word = 0; });
  percpu_ref_put(context, ref);
}

}  // namespace

void init_percpu_ref(Kernel& kernel, PercpuRef& ref, Rcu& rcu, NameId unique_name, NameId declared, LifetimeId home, PercpuRefMode mode) {
  static constexpr std::string_view flags = "flags", percpu = "percpu", count = "count", switching = "switching", data = "data",
                                    callback = "switch";
  sim::Engine& e = kernel.engine();
  sim::NameTable& names = e.names();
  const bool switched_over = mode != PercpuRefMode::percpu, killed = mode == PercpuRefMode::dead;
  ref.flags = e.new_object(names.child(unique_name, flags, 1), (switched_over ? atomic : 0) | (killed ? dead : 0));
  ref.percpu = e.new_object(names.child(unique_name, percpu, 1), 0);
  ref.count = e.new_object(names.child(unique_name, count, 1), (switched_over ? 0 : bias) + (killed ? 0 : 1));
  ref.switching = e.new_object(names.child(unique_name, switching, 1), 0);
  ref.name = declared;
  ref.home = home;
  ref.data = kernel.new_lifetime(names.child(unique_name, data, 1), LifetimeKind::memory, declared, {}, true);
  ref.rcu = &rcu;
  ref.callback = {};
  ref.callback.task_name = names.child(unique_name, callback, 1);
  ref.callback.body = switched;
  ref.callback.argument = &ref;
}

void percpu_ref_get(Context& context, PercpuRef& ref) { get(context, ref, Get::always); }

bool percpu_ref_tryget(Context& context, PercpuRef& ref) { return get(context, ref, Get::unless_zero); }

bool percpu_ref_tryget_live(Context& context, PercpuRef& ref) { return get(context, ref, Get::live); }

void percpu_ref_put(Context& context, PercpuRef& ref) {
  rcu_read_lock(context, *ref.rcu);
  const std::uint64_t flags = context.read(look_op, ref.flags, ref.home);
  if (flags == 0) {
    on(context, ref, percpu_put_op, ref.percpu, [](std::uint64_t& word) { --word; });
  } else if (on(context, ref, put_op, ref.count, [](std::uint64_t& word) { return --word == 0; })) {
    ref.release(context, ref.argument);
  }
  if (!context.aborting()) rcu_read_unlock(context, *ref.rcu);
}

void percpu_ref_kill(Context& context, PercpuRef& ref) {
  const std::uint64_t before = context.write(kill_op, ref.flags, ref.home, [&](std::uint64_t& word) {
    const std::uint64_t was = word;
    if ((was & dead) != 0)
      context.kernel().report(ViolationClass::api_misuse, ref.name,
                              fmt::format("percpu_ref_kill('{}') called more than once", context.kernel().text(ref.name)));
    word |= atomic | dead;
    return was;
  });
  if (context.aborting()) return;
  if ((before & atomic) != 0) {
    if (ref.confirm != nullptr) ref.confirm(context, ref.argument);
  } else {
    on(context, ref, begin_switch_op, ref.switching, [](std::uint64_t& word) { word = 1; });
    on(context, ref, switch_get_op, ref.count, [](std::uint64_t& word) { ++word; });
    if (context.aborting()) return;
    call_rcu_hurry(context, *ref.rcu, ref.callback);
  }
  if (!context.aborting()) percpu_ref_put(context, ref);
}

void percpu_ref_exit(Context& context, PercpuRef& ref) {
  context.write(exit_mark_op, ref.flags, ref.home, [](std::uint64_t& word) { word = atomic | dead; });
  sim::Step s = context.make(exit_op, ref.home);
  s.access = {ref.switching, sim::AccessKind::read};
  s.ends = ref.data;
  context.engine().step(s, [&](std::uint64_t& word) {
    if (word != 0)
      context.kernel().report(ViolationClass::api_misuse, ref.name,
                              fmt::format("percpu_ref_exit('{}') while it is switched", context.kernel().text(ref.name)));
  });
}

}  // namespace unplug::model

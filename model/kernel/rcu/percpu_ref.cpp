#include "unplug/model/kernel/rcu/percpu_ref.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation look_op{.name = "percpu_ref: look at the mark"}, percpu_get_op{.name = "percpu_ref_get: this CPU"},
    percpu_put_op{.name = "percpu_ref_put: this CPU", .sync = sim::Sync::release}, get_op{.name = "percpu_ref_get: atomic"},
    tryget_op{.name = "percpu_ref_tryget: atomic"}, put_op{.name = "percpu_ref_put: atomic", .sync = sim::Sync::both};
const Operation init_op{.name = "percpu_ref_init: counters"}, init_count_op{.name = "percpu_ref_init: count"};
const Operation kill_op{.name = "percpu_ref_kill: mark", .sync = sim::Sync::release},
    begin_switch_op{.name = "percpu_ref_kill: begin switching"}, switch_get_op{.name = "percpu_ref_kill: reference for the switch"},
    sum_op{.name = "percpu_ref switch: sum the counters", .sync = sim::Sync::acquire},
    add_op{.name = "percpu_ref switch: add the sum", .sync = sim::Sync::release},
    end_switch_op{.name = "percpu_ref switch: done", .sync = sim::Sync::release}, exit_mark_op{.name = "percpu_ref_exit: mark"},
    exit_op{.name = "percpu_ref_exit: counters freed"};

constexpr std::uint64_t bias = std::uint64_t{1} << 63U;
// Word of the mark: bits 2..31 those who found it alive and have not counted yet, from bit 32 the sum of the per-CPU counters, with sign.
constexpr std::uint64_t atomic = 1, dead = 2, flags_mask = 3, looking = 4, looking_mask = 0xfffffffc, one = std::uint64_t{1} << 32U;

// A step on one of the counters, which end with percpu_ref_exit().
template <class Effect>
auto on(Context& context, PercpuRef& ref, const Operation& operation, ObjectId counter, Effect&& effect,
        sim::AccessKind kind = sim::AccessKind::write) {
  sim::Step s = context.make(operation, ref.home);
  s.access = {counter, kind};
  s.uses.add(ref.data);
  return context.engine().step(s, effect);
}

// The flags, which no addition changes. Who finds none has to go on with add_here().
std::uint64_t look(Context& context, PercpuRef& ref) {
  return context.add(look_op, ref.mark, ref.home, [](std::uint64_t& word) {
    const std::uint64_t flags = word & flags_mask;
    if (flags == 0) word += looking;
    return flags;
  });
}

void add_here(Context& context, PercpuRef& ref, const Operation& operation, std::uint64_t units) {
  on(
      context, ref, operation, ref.mark, [&](std::uint64_t& word) { word = word - looking + units; }, sim::AccessKind::add);
}

enum class Get : std::uint8_t { always, unless_zero, live };

bool get(Context& context, PercpuRef& ref, Get how) {
  const std::uint64_t flags = look(context, ref);
  if (context.aborting()) return false;
  if (flags == 0) {
    add_here(context, ref, percpu_get_op, one);
    return true;
  }
  if (how == Get::live && (flags & dead) != 0) return false;
  return on(context, ref, how == Get::always ? get_op : tryget_op, ref.count, [&](std::uint64_t& word) {
    if (word == 0 && how != Get::always) return false;
    ++word;
    return true;
  });
}

void put_counted(Context& context, PercpuRef& ref) {
  if (!on(context, ref, put_op, ref.count, [](std::uint64_t& word) { return --word == 0; })) return;
  rcu_read_lock(context, *ref.rcu);
  ref.release(context, ref.argument);
  if (!context.aborting()) rcu_read_unlock(context, *ref.rcu);
}

void call_confirm(Context& context, const PercpuRef& ref) {
  if (ref.confirm != nullptr) ref.confirm(context, ref.confirm_argument != nullptr ? ref.confirm_argument : ref.argument);
}

// percpu_ref_switch_to_atomic_rcu(), a grace period after the mark.
void switched(Context& context, void* argument) {
  static const KernelSite site{"percpu_ref_switch_to_atomic_rcu", "sum"};
  auto& ref = *static_cast<PercpuRef*>(argument);
  const Context::KernelFunction function(context, site.function);
  context.at(site);
  sim::Step s = context.make(sum_op, ref.home);
  s.access = {ref.mark, sim::AccessKind::read};
  s.uses.add(ref.data);
  s.guard = sim::Guard::equal(0, looking_mask);
  std::uint64_t sum = 0;
  context.wait(s, {.what = "percpu_ref_kill", .object = ref.name, .owner = Owner::grace_period, .sleeps = false},
               [&](std::uint64_t& word) { sum = (word >> 32U) - ((word & bias) != 0 ? one : 0); });
  if (context.aborting()) return;
  on(context, ref, add_op, ref.count, [&](std::uint64_t& word) {
    word += sum - bias;
    if (word == 0 || word >= bias)
      context.kernel().report(ViolationClass::api_misuse, ref.name,
                              fmt::format("percpu_ref '{}' is not above 0 after switching to atomic", context.kernel().text(ref.name)));
  });
  if (context.aborting()) return;
  call_confirm(context, ref);
  on(context, ref, end_switch_op, ref.switching, [](std::uint64_t& word) { word = 0; });
  if (!context.aborting()) put_counted(context, ref);
}

}  // namespace

void init_percpu_ref(Kernel& kernel, PercpuRef& ref, Rcu& rcu, NameId unique_name, NameId declared, LifetimeId home, PercpuRefMode mode) {
  static constexpr std::string_view mark = "mark", count = "count", switching = "switching", data = "data", callback = "switch";
  sim::Engine& e = kernel.engine();
  sim::NameTable& names = e.names();
  const bool switched_over = mode != PercpuRefMode::percpu, killed = mode == PercpuRefMode::dead;
  ref.first_mark = (switched_over ? atomic : 0) | (killed ? dead : 0);
  ref.first_count = (switched_over ? 0 : bias) + (killed ? 0 : 1);
  ref.mark = e.new_object(names.child(unique_name, mark, 1), ref.first_mark);
  ref.count = e.new_object(names.child(unique_name, count, 1), ref.first_count);
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

void set_up_again(Context& context, PercpuRef& ref) {
  sim::Step s = context.make(init_op, ref.home);
  s.access = {ref.mark, sim::AccessKind::write};
  s.begins = ref.data;
  context.engine().step(s, [&](std::uint64_t& word) { word = ref.first_mark; });
  if (context.aborting()) return;
  on(context, ref, init_count_op, ref.count, [&](std::uint64_t& word) { word = ref.first_count; });
}

void percpu_ref_get(Context& context, PercpuRef& ref) { get(context, ref, Get::always); }

bool percpu_ref_tryget(Context& context, PercpuRef& ref) { return get(context, ref, Get::unless_zero); }

bool percpu_ref_tryget_live(Context& context, PercpuRef& ref) { return get(context, ref, Get::live); }

void percpu_ref_put(Context& context, PercpuRef& ref) {
  const std::uint64_t flags = look(context, ref);
  if (context.aborting()) return;
  if (flags == 0) {
    add_here(context, ref, percpu_put_op, std::uint64_t{0} - one);
  } else {
    put_counted(context, ref);
  }
}

void percpu_ref_kill(Context& context, PercpuRef& ref) {
  const std::uint64_t before = context.write(kill_op, ref.mark, ref.home, [&](std::uint64_t& word) {
    const std::uint64_t was = word;
    if ((was & dead) != 0)
      context.kernel().report(ViolationClass::api_misuse, ref.name,
                              fmt::format("percpu_ref_kill('{}') called more than once", context.kernel().text(ref.name)));
    word |= atomic | dead;
    return was;
  });
  if (context.aborting()) return;
  if ((before & atomic) != 0) {
    call_confirm(context, ref);
  } else {
    on(context, ref, begin_switch_op, ref.switching, [](std::uint64_t& word) { word = 1; });
    on(context, ref, switch_get_op, ref.count, [](std::uint64_t& word) { ++word; });
    if (context.aborting()) return;
    call_rcu_hurry(context, *ref.rcu, ref.callback);
  }
  if (!context.aborting()) put_counted(context, ref);
}

void percpu_ref_exit(Context& context, PercpuRef& ref) {
  context.write(exit_mark_op, ref.mark, ref.home, [](std::uint64_t& word) { word |= atomic | dead; });
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

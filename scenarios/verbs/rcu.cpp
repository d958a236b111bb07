// RCU and SRCU.
#include "unplug/model/kernel/srcu.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

template <auto function> std::uint32_t on_rcu(Frame& f, const Instruction&, std::uint32_t next) {
  function(f.context, f.world.rcu());
  return next;
}

std::uint32_t do_call_rcu(Frame& f, const Instruction& i, std::uint32_t next) {
  if (!f.aborting()) model::call_rcu(f.context, f.world.rcu(), f.world.new_callback(*f.binding, i.function));
  return next;
}

std::uint32_t do_init(Frame&, const Instruction&, std::uint32_t next) { return next; }

std::uint32_t do_srcu_lock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Srcu* s = thing<EntityKind::srcu>(f, i)) set_local(f, i, model::srcu_read_lock(f.context, *s));
  return next;
}

std::uint32_t do_srcu_unlock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Srcu* s = thing<EntityKind::srcu>(f, i)) model::srcu_read_unlock(f.context, *s, i.other == no_local ? 0 : f.locals[i.other]);
  return next;
}

std::uint32_t do_synchronize_srcu(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Srcu* s = thing<EntityKind::srcu>(f, i)) model::synchronize_srcu(f.context, *s);
  return next;
}

Verb rcu(std::string_view name, Execute execute, std::string_view summary) {
  Verb v;
  v.name = name;
  v.execute = execute;
  v.acts = false;
  v.models = "kernel/rcu/tree.c, v6.18";
  v.leaves_out = "expedited mode, lazy callbacks, stalls";
  v.summary = summary;
  return v;
}

Verb srcu_verb(std::string_view name, OperandKind operand, Execute execute, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = operand;
  v.entity = EntityKind::srcu;
  v.execute = execute;
  v.acts = false;
  v.models = "kernel/rcu/srcutree.c, v6.18";
  v.leaves_out = "per-CPU counters, call_srcu, expedited variants";
  v.summary = summary;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::srcu>() {
  return things<EntityKind::srcu>([](model::Srcu& d, const ThingSetup& s) { model::init_srcu(s.kernel, d, s.unique, s.declared, s.home); });
}

std::vector<Verb> rcu_verbs() {
  Verb call = rcu("call_rcu", do_call_rcu, "runs a function in softirq context after a grace period");
  call.keys = {{"fn", KeyKind::function, true, "the callback"}};
  return {
      rcu("rcu_read_lock", on_rcu<model::rcu_read_lock>, "begins an RCU read-side section: no sleeping inside"),
      rcu("rcu_read_unlock", on_rcu<model::rcu_read_unlock>, "ends it"),
      rcu("synchronize_rcu", on_rcu<model::synchronize_rcu>, "waits for every section open now; not for callbacks"),
      call,
      rcu("rcu_barrier", on_rcu<model::rcu_barrier>, "waits until all callbacks queued so far have finished"),
  };
}

std::vector<Verb> srcu_verbs() {
  Verb lock = srcu_verb("srcu_read_lock", OperandKind::entity, do_srcu_lock, "begins a section of one domain: sleeping is allowed");
  lock.keys = {{"to", KeyKind::to, true, "local that receives the index"}};
  Verb unlock = srcu_verb("srcu_read_unlock", OperandKind::entity, do_srcu_unlock, "ends the section counted under the given index");
  unlock.keys = {{"idx", KeyKind::local, true, "local that holds the index"}};
  return {
      srcu_verb("init_srcu_struct", OperandKind::declaration, do_init, "declares a domain"),
      lock,
      unlock,
      srcu_verb("synchronize_srcu", OperandKind::entity, do_synchronize_srcu, "waits for every section of the domain that began before"),
  };
}

}  // namespace unplug::scenarios

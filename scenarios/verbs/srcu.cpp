// SRCU.
#include "unplug/model/kernel/rcu/rcu_pointer.hpp"
#include "unplug/model/kernel/rcu/srcu_callback.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto srcu = EntityKind::srcu;

std::uint32_t do_unlock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Srcu* s = thing<srcu>(f, i)) model::srcu_read_unlock(f.context, *s, i.other == no_local ? 0 : f.locals[i.other]);
  return next;
}

std::uint32_t do_dereference(Frame& f, const Instruction& i, std::uint32_t next) {
  const FieldRef r = field(f, i);
  const model::Srcu* const s = r.memory == nullptr ? nullptr : thing<srcu>(f, i.second);
  if (s != nullptr) set_local(f, i, model::srcu_dereference(f.context, *s, *r.memory, r.object));
  return next;
}

std::uint32_t do_call(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Srcu* s = thing<srcu>(f, i);
  model::RcuHead* h = s == nullptr ? nullptr : thing<EntityKind::rcu_head>(f, i.second);
  if (h == nullptr) return next;
  h->srcu.body = &World::callback_entry;
  h->srcu.argument = &f.binding->callbacks.emplace_back(Callback{f.binding, i.function, container_of(f, i.second)});
  model::call_srcu(f.context, *s, h->srcu);
  return next;
}

// What domains need beside themselves where somebody queues callbacks on one, or ends one.
struct Usages final : WorldPart {
  void setup(World&) override { pool.reset(); }
  Pool<model::SrcuUsage> pool;
};

void lay_out(model::Srcu& d, const ThingSetup& s) {
  model::init_srcu(s.kernel, d, s.unique, s.declared, s.home);
  if (Usages* const usages = s.world.part_if_used<Usages>()) model::init_srcu_usage(s.kernel, usages->pool.next(), d, s.unique);
}

Verb quiet(Verb v) {
  v.acts = false;
  return v;
}
Verb with_usage(Verb v) {
  v.part = &part_kind<Usages>;
  return quiet(std::move(v));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::srcu>() { return things<EntityKind::srcu>(lay_out); }

std::vector<Verb> srcu_verbs() {
  constexpr VerbFamily family{srcu, "per-CPU counters, the _nmisafe and _fast readers, polling"};
  constexpr std::string_view tree = "kernel/rcu/srcutree.c, v6.18";
  Verb dereference;
  dereference.name = "srcu_dereference";
  dereference.operand = OperandKind::field;
  dereference.execute = do_dereference;
  dereference.keys = {{"srcu", KeyKind::thing, true, "the domain that protects it", srcu},
                      {"to", KeyKind::to, true, "the local that receives the value"}};
  dereference.models = "include/linux/srcu.h, v6.18";
  dereference.leaves_out = "weak memory order: everything is sequentially consistent";
  dereference.summary = "loads a pointer that a domain of SRCU protects";
  return {
      family.sets_up("init_srcu_struct", {}, tree, "declares a domain", set_up_again<EntityKind::srcu>),
      quiet(family.on_thing("srcu_read_lock", on<srcu, model::srcu_read_lock>, {{"to", KeyKind::to, true, "local that receives the index"}},
                            tree, "begins a section of one domain: sleeping is allowed")),
      quiet(family.on_thing("srcu_read_unlock", do_unlock, {{"idx", KeyKind::local, true, "local that holds the index"}}, tree,
                            "ends the section counted under the given index; a wrong one unbalances both")),
      quiet(dereference),
      quiet(family.on_thing("synchronize_srcu", on<srcu, model::synchronize_srcu>, {}, tree,
                            "waits for every section of the domain that began before")),
      quiet(family.on_thing("synchronize_srcu_expedited", on<srcu, model::synchronize_srcu_expedited>, {}, tree,
                            "the same, looking more often")),
      with_usage(family.on_thing("call_srcu", do_call,
                                 {{"head", KeyKind::thing, true, "the rcu_head that is queued", EntityKind::rcu_head},
                                  {"fn", KeyKind::function, true, "the callback"}},
                                 tree, "runs a function, which must not sleep, after a grace period of the domain")),
      with_usage(family.on_thing("srcu_barrier", on<srcu, model::srcu_barrier>, {}, tree,
                                 "waits until the callbacks queued on the domain so far have finished")),
      with_usage(family.on_thing("cleanup_srcu_struct", on<srcu, model::cleanup_srcu_struct>, {}, tree,
                                 "the domain's end; with readers, callbacks or a grace period left it is misuse and leaks")),
  };
}

}  // namespace unplug::scenarios

// Notifier chains, of four kinds.
#include "unplug/model/kernel/base/notifier.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

// A callback is declared where it is registered, and so is the chain that it is on.
template <EntityKind chain> std::uint32_t do_register(Frame& f, const Instruction& i, std::uint32_t next) {
  model::NotifierBlock* const nb = thing<EntityKind::notifier>(f, i);
  const Operand* const on = f.world.program().of(EntityKind::notifier)[i.operand.index].thing("chain");
  model::NotifierChain* const c = thing<chain>(f, *on);
  if (nb == nullptr || c == nullptr) return next;
  const int r = model::notifier_chain_register(f.context, *c, *nb);
  set_local(f, i, static_cast<std::uint64_t>(static_cast<std::int64_t>(r)));
  return r == 0 ? next : otherwise(f, i, next);
}

template <EntityKind chain> std::uint32_t do_unregister(Frame& f, const Instruction& i, std::uint32_t next) {
  model::NotifierBlock* const nb = thing<EntityKind::notifier>(f, i);
  model::NotifierChain* const c = thing<chain>(f, i.second);
  if (nb == nullptr || c == nullptr) return next;
  const int r = model::notifier_chain_unregister(f.context, *c, *nb);
  set_local(f, i, static_cast<std::uint64_t>(static_cast<std::int64_t>(r)));
  return r == 0 ? next : otherwise(f, i, next);
}

constexpr std::string_view leaves_out = "the memory of other blocks that who changes a chain walks through, priorities below zero, _robust "
                                        "calls, unique priorities, the event and its data";
constexpr std::string_view notifier_c = "kernel/notifier.c, v6.18";
constexpr VerbFamily blocks{EntityKind::notifier, leaves_out};

template <model::ChainKind kind> void lay_out_chain(model::NotifierChain& c, const ThingSetup& s) {
  model::init_notifier_chain(s.kernel, c, s.world.rcu(), s.unique, s.declared, s.home, kind);
}

void lay_out_block(model::NotifierBlock& nb, const ThingSetup& s) {
  nb.callback = &World::result_entry;
  nb.argument = s.callback();
  nb.priority = static_cast<unsigned>(s.spec.number("priority"));
  model::init_notifier_block(s.kernel, nb, s.unique, s.declared, s.home, s.binding.binding.life);
}

// What a kind of chain is called in the names of its functions, and what keeps a callback there while the chain is walked.
struct ChainNames {
  std::string_view init, add, remove, call, by;
};

template <EntityKind chain> void add_chain(std::vector<Verb>& all, const ChainNames& n) {
  const VerbFamily chains{chain, leaves_out};
  const KeySpec answer{"to", KeyKind::to, false, "local that receives 0, or an error"};
  const KeySpec on{"chain", KeyKind::thing, true, "the chain", chain};
  all.push_back(chains.sets_up(n.init, {}, "include/linux/notifier.h, v6.18", n.by));
  all.push_back(
      blocks.declares(n.add, do_register<chain>,
                      {on,
                       {"fn", KeyKind::function, true, "notifier_call: its result is NOTIFY_DONE, NOTIFY_OK, NOTIFY_STOP or NOTIFY_BAD"},
                       {"priority", KeyKind::number, false, "the higher, the earlier it is called; 0 if it is not said"},
                       answer,
                       {"else", KeyKind::otherwise, false, "where to go if it is registered already"}},
                      notifier_c, "registers a callback"));
  all.push_back(blocks.on_thing(n.remove, do_unregister<chain>,
                                {on, answer, {"else", KeyKind::otherwise, false, "where to go if it is not registered"}}, notifier_c,
                                "takes a callback off the chain, and waits for those under way as the chain's kind does"));
  Verb call = chains.on_thing(n.call, scenarios::on<chain, model::notifier_call_chain>,
                              {{"to", KeyKind::to, false, "local that receives what the last callback answered"}}, notifier_c,
                              "calls the callbacks in turn");
  call.place = Where::anywhere;
  all.push_back(std::move(call));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::blocking_chain>() {
  return things<EntityKind::blocking_chain>(lay_out_chain<model::ChainKind::blocking>);
}
template <> std::unique_ptr<ThingList> make_things<EntityKind::atomic_chain>() {
  return things<EntityKind::atomic_chain>(lay_out_chain<model::ChainKind::atomic>);
}
template <> std::unique_ptr<ThingList> make_things<EntityKind::srcu_chain>() {
  return things<EntityKind::srcu_chain>(lay_out_chain<model::ChainKind::srcu>);
}
template <> std::unique_ptr<ThingList> make_things<EntityKind::raw_chain>() {
  return things<EntityKind::raw_chain>(lay_out_chain<model::ChainKind::raw>);
}
template <> std::unique_ptr<ThingList> make_things<EntityKind::notifier>() { return things<EntityKind::notifier>(lay_out_block); }

std::vector<Verb> notifier_verbs() {
  std::vector<Verb> all;
  add_chain<EntityKind::blocking_chain>(all, {"BLOCKING_INIT_NOTIFIER_HEAD", "blocking_notifier_chain_register",
                                              "blocking_notifier_chain_unregister", "blocking_notifier_call_chain",
                                              "declares a chain that a rwsem guards: callbacks may sleep"});
  add_chain<EntityKind::atomic_chain>(all,
                                      {"ATOMIC_INIT_NOTIFIER_HEAD", "atomic_notifier_chain_register", "atomic_notifier_chain_unregister",
                                       "atomic_notifier_call_chain", "declares a chain whose callbacks run as RCU readers"});
  add_chain<EntityKind::srcu_chain>(all,
                                    {"srcu_init_notifier_head", "srcu_notifier_chain_register", "srcu_notifier_chain_unregister",
                                     "srcu_notifier_call_chain", "declares a chain whose callbacks run as readers of its own SRCU domain"});
  add_chain<EntityKind::raw_chain>(all, {"RAW_INIT_NOTIFIER_HEAD", "raw_notifier_chain_register", "raw_notifier_chain_unregister",
                                         "raw_notifier_call_chain", "declares a chain that nothing guards"});
  return all;
}

}  // namespace unplug::scenarios

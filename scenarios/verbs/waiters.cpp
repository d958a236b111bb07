// Completions and fences.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_init(Frame&, const Instruction&, std::uint32_t next) { return next; }

std::uint32_t do_complete(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Waiter* w = thing<EntityKind::completion>(f, i)) model::complete(f.context, *w);
  return next;
}

std::uint32_t do_complete_all(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Waiter* w = thing<EntityKind::completion>(f, i)) model::complete_all(f.context, *w);
  return next;
}

std::uint32_t do_signal(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Waiter* w = thing<EntityKind::fence>(f, i)) model::complete_all(f.context, *w);
  return next;
}

std::uint32_t do_wait(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Waiter* w = thing<EntityKind::completion>(f, i);
  return w == nullptr || model::wait_for_completion(f.context, *w) ? next : otherwise(f, i, next);
}

std::uint32_t do_fence_wait(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Waiter* w = thing<EntityKind::fence>(f, i);
  return w == nullptr || model::dma_fence_wait(f.context, *w) ? next : otherwise(f, i, next);
}

constexpr KeySpec owner{"owner", KeyKind::owner, true, "who ends the wait: driver, core, other driver, hardware or user"};
constexpr KeySpec shot{"else", KeyKind::otherwise, false, "where to go when removal has shot the wait down"};

Verb verb(std::string_view name, EntityKind kind, Execute execute, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::entity;
  v.entity = kind;
  v.execute = execute;
  v.models = kind == EntityKind::completion ? "kernel/sched/completion.c, v6.18" : "drivers/dma-buf/dma-fence.c, v6.18";
  v.leaves_out = "timeouts, interruption by signals, order of waiters";
  v.summary = summary;
  return v;
}

Verb declaration(std::string_view name, EntityKind kind, std::string_view summary) {
  Verb v = verb(name, kind, do_init, summary);
  v.operand = OperandKind::declaration;
  v.acts = false;
  v.keys = {owner};
  return v;
}

Verb wait(std::string_view name, EntityKind kind, Execute execute, std::string_view summary) {
  Verb v = verb(name, kind, execute, summary);
  v.keys = {shot};
  return v;
}

Verb anywhere(Verb v) {
  v.place = Where::anywhere;
  return v;
}

void lay_out(model::Waiter& w, const ThingSetup& s) {
  model::init_waiter(s.kernel, w, s.unique, s.declared, s.home, s.spec.owner);
  if (s.is_source()) s.binding.sources.waiters.push_back(&w);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::completion>() { return things<EntityKind::completion>(lay_out); }
template <> std::unique_ptr<ThingList> make_things<EntityKind::fence>() { return things<EntityKind::fence>(lay_out); }

std::vector<Verb> waiter_verbs() {
  return {
      declaration("init_completion", EntityKind::completion, "declares a completion"),
      anywhere(verb("complete", EntityKind::completion, do_complete, "lets one waiter go")),
      anywhere(verb("complete_all", EntityKind::completion, do_complete_all, "lets every waiter go, for ever")),
      wait("wait_for_completion", EntityKind::completion, do_wait, "sleeps until completed"),
      wait("wait_for_completion_interruptible", EntityKind::completion, do_wait, "the same; signals are left out"),
      declaration("dma_fence_init", EntityKind::fence, "declares a fence"),
      anywhere(verb("dma_fence_signal", EntityKind::fence, do_signal, "signals a fence, for ever")),
      wait("dma_fence_wait", EntityKind::fence, do_fence_wait, "sleeps until the fence is signalled"),
  };
}

}  // namespace unplug::scenarios

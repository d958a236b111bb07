// Fences.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/locking/dma_fence.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

// Without a lock, and so without callbacks, signalling is one step.
std::uint32_t do_signal(Frame& f, const Instruction& i, std::uint32_t next) {
  model::DmaFence* const fence = thing<EntityKind::fence>(f, i);
  if (fence == nullptr) return next;
  if (fence->lock == nullptr) {
    model::complete_all(f.context, fence->waiter);
  } else {
    model::dma_fence_signal(f.context, *fence);
  }
  return next;
}

std::uint32_t do_wait(Frame& f, const Instruction& i, std::uint32_t next) {
  model::DmaFence* const fence = thing<EntityKind::fence>(f, i);
  return fence == nullptr || model::dma_fence_wait(f.context, fence->waiter) ? next : otherwise(f, i, next);
}

std::uint32_t do_wait_timeout(Frame& f, const Instruction& i, std::uint32_t next) {
  model::DmaFence* const fence = thing<EntityKind::fence>(f, i);
  if (fence == nullptr) return next;
  const auto signals = i.amount != 0 ? model::Signals::interruptible : model::Signals::none;
  return waited(f, i, next, model::dma_fence_wait_timeout(f.context, fence->waiter, signals, drawn_duration(f, i)), 1);
}

// A callback is declared where it is added, and so is the fence.
std::uint32_t do_add(Frame& f, const Instruction& i, std::uint32_t next) {
  model::FenceCallback* const c = thing<EntityKind::fence_callback>(f, i);
  model::DmaFence* const fence =
      thing<EntityKind::fence>(f, *f.world.program().of(EntityKind::fence_callback)[i.operand.index].thing("fence"));
  if (c == nullptr || fence == nullptr) return next;
  const bool added = model::dma_fence_add_callback(f.context, *fence, *c);
  set_local(f, i, added ? 0 : static_cast<std::uint64_t>(std::int64_t{model::enoent}));
  return added ? next : otherwise(f, i, next);
}

std::uint32_t do_remove(Frame& f, const Instruction& i, std::uint32_t next) {
  model::FenceCallback* const c = thing<EntityKind::fence_callback>(f, i);
  model::DmaFence* const fence = thing<EntityKind::fence>(f, i.second);
  if (c == nullptr || fence == nullptr) return next;
  const bool removed = model::dma_fence_remove_callback(f.context, *fence, *c);
  set_local(f, i, removed ? 1 : 0);
  return removed ? next : otherwise(f, i, next);
}

constexpr VerbFamily fences{EntityKind::fence,
                            "references to fences, enable_signaling(), errors, timestamps, deadlines, arrays and chains"},
    callbacks{EntityKind::fence_callback, fences.leaves_out};
constexpr std::string_view dma_fence_c = "drivers/dma-buf/dma-fence.c, v6.18";
constexpr KeySpec of_fence{"fence", KeyKind::thing, true, "the fence, one with a \"lock\"", EntityKind::fence};

void lay_out(model::DmaFence& fence, const ThingSetup& s) {
  if (model::Spinlock* const lock = s.referred<EntityKind::spinlock>("lock")) {
    model::init_dma_fence(s.kernel, fence, s.unique, s.declared, s.home, s.spec.owner, *lock);
  } else {
    model::init_waiter(s.kernel, fence.waiter, s.unique, s.declared, s.home, s.spec.owner);
    fence.lock = nullptr;
    fence.callbacks.clear();
  }
  if (s.is_source()) s.binding.sources.waiters.push_back(&fence.waiter);
}

void lay_out_callback(model::FenceCallback& c, const ThingSetup& s) { c = {s.home, &World::callback_entry, s.callback()}; }

// The list of callbacks is guarded by the fence's lock.
void compile_add(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.generic(verb, step, operand);
  const Node n = step.find("fence");
  if (const auto fence = n ? c.entity(n, EntityKind::fence) : std::nullopt) {
    const auto& specs = c.entities().specs[static_cast<std::size_t>(EntityKind::fence)];
    if (specs[fence->index].thing("lock") == nullptr)
      n.error(c.out(), fmt::format("fence '{}' has no lock, which callbacks run under", fence->name),
              "\"lock\" where dma_fence_init declares it");
  }
}

Verb anywhere(Verb v) {
  v.place = Where::anywhere;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::fence>() { return things<EntityKind::fence>(lay_out); }
template <> std::unique_ptr<ThingList> make_things<EntityKind::fence_callback>() {
  return things<EntityKind::fence_callback>(lay_out_callback);
}

std::vector<Verb> fence_verbs() {
  constexpr KeySpec shot{"else", KeyKind::otherwise, false, "where to go when removal has shot the wait down"};
  Verb add = callbacks.declares("dma_fence_add_callback", do_add,
                                {of_fence,
                                 {"fn", KeyKind::function, true, "called by who signals the fence, under its lock"},
                                 {"to", KeyKind::to, false, "local that receives 0, or -2 (-ENOENT): it is signalled already"},
                                 {"else", KeyKind::otherwise, false, "where to go if it is signalled already"}},
                                dma_fence_c, "has a function called when the fence is signalled");
  add.compile = compile_add;
  Verb init = fences.sets_up(
      "dma_fence_init",
      {{"owner", KeyKind::owner, true, "who signals it: driver, core, other driver, hardware or user"},
       {"lock", KeyKind::thing, false, "the spinlock that who signals it takes; without, one that nobody else takes, and no callbacks",
        EntityKind::spinlock}},
      dma_fence_c, "declares a fence", set_up_again<EntityKind::fence>);
  return {
      init,
      anywhere(fences.on_thing("dma_fence_signal", do_signal, {}, dma_fence_c, "signals a fence, for ever, and runs its callbacks")),
      fences.on_thing("dma_fence_wait", do_wait, {shot}, dma_fence_c, "sleeps until the fence is signalled"),
      fences.on_thing("dma_fence_wait_timeout", do_wait_timeout,
                      {{"timeout", KeyKind::duration, true, "how long it waits: \"10ms\", \"1ms..5ms\""},
                       {"intr", KeyKind::number, true, "1: a signal ends the wait, 0: none does"},
                       {"to", KeyKind::to, false,
                        "local that receives 1 where the kernel says how much time was left, 0: expired, or -512 (-ERESTARTSYS)"},
                       {"else", KeyKind::otherwise, false, "where to go if it is not signalled"}},
                      dma_fence_c, "the same, no longer than that"),
      add,
      callbacks.on_thing("dma_fence_remove_callback", do_remove,
                         {of_fence,
                          {"to", KeyKind::to, false, "local that receives 1, or 0: it has run, or was never added"},
                          {"else", KeyKind::otherwise, false, "where to go if it has run"}},
                         dma_fence_c, "takes it back; waits for who signals, as it takes the lock"),
  };
}

}  // namespace unplug::scenarios

#include "unplug/model/kernel/base/notifier.hpp"
#include "unplug/model/core/errno.hpp"

#include <fmt/format.h>

namespace unplug::model {
namespace {

const Operation register_op{.name = "notifier_chain_register", .sync = sim::Sync::release}, unlink_op{.name = "notifier_chain_unregister"},
    empty_op{.name = "notifier_call_chain: empty?"}, head_op{.name = "notifier_call_chain: head", .sync = sim::Sync::acquire},
    next_op{.name = "notifier_call_chain: next", .sync = sim::Sync::acquire};

// From an effect: goes on along the chain as long as `on` says so of the block there, which is touched for that.
template <class On> NotifierBlock** walk_to(Context& context, NotifierChain& chain, On&& on) {
  NotifierBlock** link = &chain.head;
  while (*link != nullptr && on(**link)) {
    if ((*link)->home) context.engine().uses((*link)->home);
    link = &(*link)->next;
  }
  return link;
}

// Changes the chain as its kind asks: what writers exclude, and (of a blocking chain) readers.
template <class Change> void change(Context& context, NotifierChain& chain, std::string_view what, Change&& apply) {
  switch (chain.kind) {
    case ChainKind::blocking: down_write(context, chain.rwsem); break;
    case ChainKind::srcu: context.might_sleep(what); break;
    case ChainKind::atomic:
    case ChainKind::raw: break;
  }
  if (!context.aborting()) apply();
  if (chain.kind == ChainKind::blocking && !context.aborting()) up_write(context, chain.rwsem);
}

int walk(Context& context, NotifierChain& chain) {
  sim::Step head = context.make(head_op, chain.home);
  head.access = {chain.object, sim::AccessKind::read};
  NotifierBlock* nb = context.engine().step(head, [&](std::uint64_t&) { return chain.head; });
  int result = notify_done;
  while (nb != nullptr && !context.aborting()) {
    sim::Step s = context.make(next_op, nb->home);  // the block is what is read, its function pointer as well
    s.access = {chain.object, sim::AccessKind::read};
    NotifierBlock* const next = context.engine().step(s, [&](std::uint64_t&) { return nb->next; });
    if (context.aborting()) break;
    result = nb->callback(context, nb->argument);
    if ((result & notify_stop_mask) != 0) break;
    nb = next;
  }
  return result;
}

}  // namespace

void init_notifier_block(Kernel& kernel, NotifierBlock& nb, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner) {
  nb.name = declared;
  nb.home = home;
  nb.life = kernel.new_lifetime(unique_name, LifetimeKind::registration, declared, owner, false);
  nb.next = nullptr;
}

void init_notifier_chain(Kernel& kernel, NotifierChain& chain, Rcu& rcu, NameId unique_name, NameId declared, LifetimeId home,
                         ChainKind kind) {
  static constexpr std::string_view rwsem = "rwsem", srcu = "srcu";
  sim::NameTable& names = kernel.engine().names();
  chain.object = kernel.engine().new_object(unique_name, 0);
  chain.name = declared;
  chain.home = home;
  chain.kind = kind;
  chain.head = nullptr;
  chain.rcu = &rcu;
  if (kind == ChainKind::blocking) init_rwsem(kernel, chain.rwsem, names.child(unique_name, rwsem, 1), declared, home);
  if (kind == ChainKind::srcu) init_srcu(kernel, chain.srcu, names.child(unique_name, srcu, 1), declared, home);
}

int notifier_chain_register(Context& context, NotifierChain& chain, NotifierBlock& nb) {
  int result = eexist;
  change(context, chain, "srcu_notifier_chain_register", [&] {
    sim::Step s = context.make(register_op, chain.home);
    s.uses.add(nb.home);
    s.access = {chain.object, sim::AccessKind::write};
    context.engine().step(s, [&](std::uint64_t& word) {
      NotifierBlock** const link = walk_to(context, chain, [&](const NotifierBlock& b) { return &b != &nb && b.priority >= nb.priority; });
      if (*link == &nb) {
        context.kernel().report(ViolationClass::api_misuse, nb.name,
                                fmt::format("notifier callback '{}' already registered", context.kernel().text(nb.name)));
        return;
      }
      nb.next = *link;
      *link = &nb;
      ++word;
      result = 0;
      context.engine().begins(nb.life);
    });
  });
  return result;
}

int notifier_chain_unregister(Context& context, NotifierChain& chain, NotifierBlock& nb) {
  int result = enoent;
  change(context, chain, "srcu_notifier_chain_unregister", [&] {
    sim::Step s = context.make(unlink_op, chain.home);
    s.uses.add(nb.home);
    s.access = {chain.object, sim::AccessKind::write};
    context.engine().step(s, [&](std::uint64_t& word) {
      NotifierBlock** const link = walk_to(context, chain, [&](const NotifierBlock& b) { return &b != &nb; });
      if (*link == nullptr) return;
      *link = nb.next;  // its own successor stays, for who is at it
      --word;
      result = 0;
      context.engine().ends(nb.life);
    });
  });
  if (context.aborting()) return result;
  if (chain.kind == ChainKind::atomic) synchronize_rcu(context, *chain.rcu);
  if (chain.kind == ChainKind::srcu) synchronize_srcu(context, chain.srcu);
  return result;
}

int notifier_call_chain(Context& context, NotifierChain& chain) {
  int result = notify_done;
  std::uint64_t index = 0;
  switch (chain.kind) {
    case ChainKind::blocking:
      if (context.read(empty_op, chain.object, chain.home) == 0 || context.aborting()) return result;
      down_read(context, chain.rwsem);
      break;
    case ChainKind::atomic: rcu_read_lock(context, *chain.rcu); break;
    case ChainKind::srcu: index = srcu_read_lock(context, chain.srcu); break;
    case ChainKind::raw: break;
  }
  if (context.aborting()) return result;
  result = walk(context, chain);
  if (context.aborting()) return result;
  switch (chain.kind) {
    case ChainKind::blocking: up_read(context, chain.rwsem); break;
    case ChainKind::atomic: rcu_read_unlock(context, *chain.rcu); break;
    case ChainKind::srcu: srcu_read_unlock(context, chain.srcu, index); break;
    case ChainKind::raw: break;
  }
  return result;
}

}  // namespace unplug::model

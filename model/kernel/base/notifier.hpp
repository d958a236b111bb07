// Notifier chains: callbacks that run in whoever has something to tell.
//
// kernel/notifier.c, v6.18. The four kinds differ in what keeps a callback and its notifier_block there while somebody walks the chain:
// - blocking: a rwsem, held for reading over all callbacks, for writing to register or unregister. Callbacks may sleep; unregistering waits
//   for those under way, and from a callback of the same chain it deadlocks. A chain that is empty is not locked.
// - atomic: callbacks run as RCU readers, and may not sleep; unregistering unlinks, then waits for a grace period.
// - SRCU: the same with a domain of the chain's own; callbacks may sleep.
// - raw: nothing. Who walks while another unregisters and frees touches freed memory.
// A chain holds no module: a block left registered when its memory or text is gone is called there. The walker reads a block's successor
// before it calls it, so that one that unregisters itself (raw) does no harm. The locks that serialise changes (a spinlock, a mutex) are
// part of the step that changes the chain, which walks through the blocks before the place: one that was freed and is still on the chain is
// touched there. Left out: priorities below zero, _robust calls, unique priorities, the event and its data.
#pragma once

#include "unplug/model/kernel/locking/locks.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"
#include "unplug/model/kernel/rcu/srcu.hpp"

namespace unplug::model {

enum class ChainKind : std::uint8_t { blocking, atomic, srcu, raw };

// What a callback answers. Others are passed through; with notify_stop_mask they end the walk.
inline constexpr int notify_done = 0, notify_ok = 1, notify_stop_mask = 0x8000, notify_bad = notify_stop_mask | 2,
                     notify_stop = notify_stop_mask | notify_ok;

struct NotifierBlock {
  NameId name;
  LifetimeId home;                             // memory that it is embedded in
  LifetimeId life;                             // of the registration: a leak if its owner has ended and this has not
  int (*callback)(Context&, void*) = nullptr;  // notifier_call
  void* argument = nullptr;
  unsigned priority = 0;  // the higher, the earlier
  NotifierBlock* next = nullptr;
};
// `owner`: what has to unregister it before it ends. The callback, and the priority if it matters, are set before.
void init_notifier_block(Kernel& kernel, NotifierBlock& nb, NameId unique_name, NameId declared, LifetimeId home, LifetimeId owner);

struct NotifierChain {
  ObjectId object;  // word: number of blocks; the list itself is touched in steps on it only
  NameId name;
  LifetimeId home;
  ChainKind kind = ChainKind::blocking;
  NotifierBlock* head = nullptr;
  Rwsem rwsem;         // of a blocking chain
  Srcu srcu;           // of an SRCU chain
  Rcu* rcu = nullptr;  // of an atomic chain
};
void init_notifier_chain(Kernel& kernel, NotifierChain& chain, Rcu& rcu, NameId unique_name, NameId declared, LifetimeId home,
                         ChainKind kind);

// Registering one that is registered is -EEXIST (-17), and api-misuse; unregistering one that isn't, -ENOENT (-2). Else 0.
int notifier_chain_register(Context& context, NotifierChain& chain, NotifierBlock& nb);
int notifier_chain_unregister(Context& context, NotifierChain& chain, NotifierBlock& nb);
// Calls the blocks in turn; what the last one called has answered.
int notifier_call_chain(Context& context, NotifierChain& chain);

}  // namespace unplug::model

// Modules: text, reference count, and delete_module(2).
//
// kernel/module/main.c, v6.18. The count holds a base of 1 for "loaded"; unloading subtracts it and is refused (-EWOULDBLOCK) unless
// that leaves nothing. Once GOING, try_module_get() fails. Then exit() runs, then free_module(): one grace period of RCU, and the text is
// gone. Nothing looks for tasks that still execute in the text or will return into it.
// Text and data are one lifetime here. Left out: dependencies between modules, forced unload, notifiers, livepatch, init failure.
#pragma once

#include "unplug/model/context.hpp"
#include "unplug/model/kernel/locks.hpp"
#include "unplug/model/kernel/rcu.hpp"

namespace unplug::model {

struct Module {
  ObjectId object;  // word: bits 0..31 references (base included), bit 32 GOING, bit 33 unformed or not loaded
  NameId name;
  LifetimeId text;
};
// `loaded`: alive from the start (built in, or loaded before the execution begins); else load_module() begins it.
void init_module(Kernel& kernel, Module& m, NameId unique_name, NameId declared, bool loaded);
void load_module(Context& context, Module& m);

// false: unloading. A null module is always there and pins nothing.
bool try_module_get(Context& context, Module* m);
void module_put(Context& context, Module* m);

enum class DeleteResult : std::uint8_t { gone, would_block, busy };
// delete_module(2). `exit` is mod->exit().
template <class Exit> DeleteResult delete_module(Context& context, Module& m, Rcu& rcu, Exit&& exit);

// The steps of delete_module() before and after exit().
DeleteResult try_stop_module(Context& context, Module& m);
void free_module(Context& context, Module& m, Rcu& rcu);

template <class Exit> DeleteResult delete_module(Context& context, Module& m, Rcu& rcu, Exit&& exit) {
  const DeleteResult r = try_stop_module(context, m);
  if (r != DeleteResult::gone || context.aborting()) return r;
  exit();
  if (!context.aborting()) free_module(context, m, rcu);
  return r;
}

}  // namespace unplug::model

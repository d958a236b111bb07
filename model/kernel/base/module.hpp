// Modules: text and data, reference count, loading, and delete_module(2).
//
// kernel/module/main.c, v6.18. The count holds a base of 1 for "loaded"; unloading subtracts it and is refused (-EWOULDBLOCK) unless
// that leaves nothing, or it is forced (O_TRUNC, MODULE_FORCE_UNLOAD). Once GOING, try_module_get() fails. Then exit() runs, then
// free_module(): one grace period of RCU, the text is gone, and last the data. With ftrace there is another before it, for lookups of the
// functions that can be traced (kernel/trace/ftrace.c, ftrace_release_mod(), since 6.10 and in stable kernels); readers that one waits for
// the other one waits for too, so it costs time and orders nothing. Nothing looks for tasks that still execute in the text or will return
// into it; a module that drops its own last reference can be unloaded before the function that did so has returned.
// While init() runs the module is COMING and holds a reference on itself; if init() fails it goes by the same way, without exit().
// A module on whose symbols another one depends is pinned by that until it is freed. Text and data are one lifetime unless
// init_module_data() says otherwise. Left out: module_mutex, -EPERM and -EINTR, notifiers, livepatch, async_synchronize_full(), the
// interval in free_module() in which the module can't be found any more but is not gone, that freeing the text flushes the TLBs of all CPUs
// and waits for their answers, grace periods of loading.
#pragma once

#include <vector>

#include "unplug/model/core/context.hpp"
#include "unplug/model/core/references.hpp"
#include "unplug/model/kernel/lib/memory.hpp"
#include "unplug/model/kernel/locking/locks.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {

struct Module {
  ObjectId object;  // word: see module.cpp
  NameId name;
  LifetimeId text;
  LifetimeId data;  // static variables; none: as long as the text
  bool has_exit = true;
  bool traced = true;  // ftrace knows functions of it: any that are left after init(), were not inlined and are not notrace, as __exit is
  std::vector<Module*> target_list;    // modules it depends on; touched by the task that loads or unloads it
  std::vector<Module*> source_list;    // modules that depend on it; touched in steps on `object` only
  References references;               // besides those of dependants
  std::uint32_t refused = UINT32_MAX;  // the step that was the last to refuse unloading it
};
// `loaded`: alive from the start (built in, or loaded before the execution begins); else load_module() or do_init_module() begins it.
// `dependants`: of those that are alive from the start too, how many use its symbols; init_dependency() then says which.
void init_module(Kernel& kernel, Module& m, NameId unique_name, NameId declared, bool loaded, std::uint32_t dependants = 0);
// `m` uses symbols of `target`, and both are alive from the start: what ref_module() has done by then.
void init_dependency(Module& m, Module& target);
// After init_module(): gives the module data of its own, which dies after the text.
void init_module_data(Kernel& kernel, Module& m, NameId unique_name, bool loaded);
// Makes `a` a static variable of the module. What is embedded in it has `a.life` as its home.
void init_module_variable(const Module& m, Allocation& a, NameId declared);

// Loads a module whose init() does nothing worth mentioning.
void load_module(Context& context, Module& m);
// Loads it and runs init(): 0, or the error that init() answered; then it is gone again.
template <class Init> int do_init_module(Context& context, Module& m, Rcu& rcu, Init&& init);
// Resolving a symbol of `target`, while `m` is being loaded: pins `target` until `m` is freed. false: it is not LIVE.
bool ref_module(Context& context, Module& m, Module& target);

// false: unloading. A null module is always there and pins nothing. `for_file`: it is an open file's, which user space can close.
bool try_module_get(Context& context, Module* m, bool for_file = false);
// __module_get(): takes a reference without asking, for who has one. Of a module that is going or gone it is misuse, and keeps nothing.
void module_get(Context& context, Module* m);
void module_put(Context& context, Module* m, bool of_file = false);
// For a thread in the text of `m`: drops its reference and never returns there. The caller takes no further step in it.
void module_put_and_kthread_exit(Context& context, Module* m);

// 0, -EWOULDBLOCK, -EBUSY, -ENOENT.
enum class DeleteResult : std::uint8_t { gone, would_block, busy, not_found };
enum class Unload : std::uint8_t { if_unused, forced };
// delete_module(2). `exit` is mod->exit().
template <class Exit> DeleteResult delete_module(Context& context, Module& m, Rcu& rcu, Exit&& exit, Unload unload = Unload::if_unused);

// The steps of delete_module() before and after exit(). Forced, references and a missing exit() are no hindrance; dependants are.
DeleteResult try_stop_module(Context& context, Module& m, Unload unload = Unload::if_unused);
void ftrace_release_mod(Context& context, Module& m, Rcu& rcu);
void free_module(Context& context, Module& m, Rcu& rcu);
// Those of do_init_module() before and after init().
void module_coming(Context& context, Module& m);
void module_live(Context& context, Module& m);
void module_init_failed(Context& context, Module& m, Rcu& rcu);

template <class Exit> DeleteResult delete_module(Context& context, Module& m, Rcu& rcu, Exit&& exit, Unload unload) {
  const DeleteResult r = try_stop_module(context, m, unload);
  if (r != DeleteResult::gone || context.aborting()) return r;
  if (m.has_exit) exit();
  if (!context.aborting()) ftrace_release_mod(context, m, rcu);
  if (!context.aborting()) free_module(context, m, rcu);
  return r;
}

template <class Init> int do_init_module(Context& context, Module& m, Rcu& rcu, Init&& init) {
  module_coming(context, m);
  if (context.aborting()) return 0;
  const int result = init();
  if (context.aborting()) return result;
  if (result == 0) {
    module_live(context, m);
  } else {
    module_init_failed(context, m, rcu);
  }
  return result;
}

}  // namespace unplug::model

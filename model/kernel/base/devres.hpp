// devres: managed resources, released when their owner goes.
//
// drivers/base/devres.c, v6.18. A list per struct device, under a spinlock. Releasing all, or a group, first moves the nodes to a private
// list in one step and then calls the releases strictly one after another, last registered first, in the task that releases; they may
// sleep, and N of them with a grace period each pay N in series. Who looks for a node that is on a private list finds nothing and waits
// for nothing: neither its release nor the end of it. A node's memory is freed with it; devm_kzalloc() memory is the node.
// A group is a pair of markers in the list; releasing one releases what lies between them and the groups wholly in there.
// One list per binding, here (a rebound device starts with an empty one, as there); lists besides it are scopes of their own: of a class
// device, of a component's card. Left out: devres_for_each_res(), devres_get().
#pragma once

#include <functional>
#include <vector>

#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/lib/memory.hpp"

namespace unplug::model {

struct DevresNode {
  const StaticName* release_name;  // "devm iounmap"
  NameId object;
  std::function<void(Context&)> release;
  const void* key;  // what devm_*() removal looks for
};

struct Devres {
  ObjectId object;  // word: how often the list was changed
  NameId name;
  LifetimeId home;  // memory of the struct device; none: static
  // Touched in steps on `object` only.
  struct Entry {
    enum class Kind : std::uint8_t { resource, open, close } kind;
    DevresNode node;          // of a marker: its key is the group's id
    std::uint64_t group = 0;  // of a marker: which
  };
  std::vector<Entry> entries;  // in order of registration
  std::uint64_t groups = 0;    // opened so far
};
void init_devres(Kernel& kernel, Devres& d, NameId unique_name, NameId declared, LifetimeId home = {});

void devres_add(Context& context, Devres& d, DevresNode node);
// devm_*() removal by hand: takes the last node with that key off the list. true: the caller must do what its release would have done.
bool devres_remove(Context& context, Devres& d, const void* key);
void devres_release_all(Context& context, Devres& d);

// --- Actions. What fails for want of memory (fault.hpp) answers -ENOMEM.
int devm_add_action(Context& context, Devres& d, DevresNode node);
// Where it fails, the action is called at once.
int devm_add_action_or_reset(Context& context, Devres& d, DevresNode node);
// Off the list, not called. -ENOENT: it isn't there, perhaps because it is about to be called or being called: that is not waited for.
int devm_remove_action_nowarn(Context& context, Devres& d, const void* key);
// The same, where being too late is misuse (a WARN).
void devm_remove_action(Context& context, Devres& d, const void* key);
// Off the list and called now. Misuse if it isn't there.
void devm_release_action(Context& context, Devres& d, const void* key);

// false: no memory.
bool devm_kzalloc(Context& context, Devres& d, Allocation& a);
// Misuse if it isn't the list's, or not any more.
void devm_kfree(Context& context, Devres& d, Allocation& a);

// Something to tell a group by, for who has nothing else.
struct DevresGroup {
  NameId name;
};
// --- Groups. `id`: any address; null is the latest that is still open. What doesn't exist is misuse.
// false: no memory.
bool devres_open_group(Context& context, Devres& d, const void* id);
void devres_close_group(Context& context, Devres& d, const void* id);
// Takes the markers away; the resources stay.
void devres_remove_group(Context& context, Devres& d, const void* id);
// Answers how many resources were released.
std::uint32_t devres_release_group(Context& context, Devres& d, const void* id);

}  // namespace unplug::model

// The pieces that policies are composed of. A mechanism is code under test: it is built from modelled primitives, so there is a
// scheduling point between its own loads, stores and waits, and its own races are found like any other.
//
// Adding one: a file in mechanisms/ and a line in mechanisms/registry.cpp. An instance serves one binding; init() runs before every
// execution and makes the instance's objects.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "unplug/model/kernel/base/device.hpp"
#include "unplug/model/kernel/fs/entry_guard.hpp"
#include "unplug/model/kernel/hw/mmio.hpp"
#include "unplug/model/kernel/irq/irq.hpp"
#include "unplug/model/kernel/locking/waiter.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"
#include "unplug/model/kernel/work/workqueue.hpp"

namespace unplug::model {

// A resource of a binding, as resource guards see it.
struct Resource {
  Mapping* mapping = nullptr;
  ObjectId available;  // the guard's flag; word 1 while access is granted
  NameId name;
  bool guarded = true;  // false: the policy has no business with it (PolicySpec::guards); its guard is asked nothing about it
};

// At every `use` of a resource.
class ResourceGuard {
 public:
  virtual ~ResourceGuard() = default;
  virtual void init(Kernel& kernel, Rcu& rcu, NameId unique_name, std::span<Resource> resources) = 0;
  // false: refused; nothing is held then.
  virtual bool acquire(Context& context, Resource& resource, Token& token) = 0;
  virtual void release(Context& context, Resource& resource, Token token) = 0;
  // After remove(), before the first devres callback. Not all of the resources need be guarded.
  virtual void before_devres(Context& context, std::span<Resource> resources) = 0;
  // In the devres callback of the resource, before it is unmapped.
  virtual void revoke(Context& context, Resource& resource) = 0;
  // Whether acquire() can refuse: a driver then needs a path for it.
  [[nodiscard]] virtual bool can_refuse() const = 0;
};

// Which module an open file pins besides the one its entry guard's code lives in. null: none.
class ModulePin {
 public:
  virtual ~ModulePin() = default;
  virtual Module* pinned(Module& driver) = 0;
};

// What a binding has that can run driver code or be waited on, for the mechanisms that quiesce it.
struct Sources {
  std::vector<Work*> works;
  struct Irq {
    IrqLine* line;
    IrqAction* action;
  };
  std::vector<Irq> irqs;
  std::vector<Waiter*> waiters;
};

// One way to quiesce one source of concurrency in remove().
class Quiesce {
 public:
  virtual ~Quiesce() = default;
  virtual void quiesce(Context& context, Binding& binding, Sources& sources) = 0;
};

// What the driver's module exit does beyond unregistering.
class ExitBarrier {
 public:
  virtual ~ExitBarrier() = default;
  virtual void at_exit(Context& context, Rcu& rcu) = 0;
};

}  // namespace unplug::model

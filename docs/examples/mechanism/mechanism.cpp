// A mechanism of one's own, as a project of its own: an entry guard made of a flag and a count, put under a driver, and judged.
//
// The first version looks at the flag and then counts itself in. That is no fence: removal can pass between the two. The second counts itself
// in first. Every interleaving of each is visited; the program ends with 0 if the first is found wanting and the second is clean.
#include <cstdio>

#include "unplug/model/experiment.hpp"
#include "unplug/model/kernel/lib/memory.hpp"
#include "unplug/model/mechanisms/policy.hpp"

using namespace unplug::model;

namespace {

// What a step does is named once, in static storage; `sync` says what it orders.
const Operation count_in{.name = "guard: count in", .sync = unplug::sim::Sync::both},
    look{.name = "guard: look at the flag", .sync = unplug::sim::Sync::acquire},
    count_out{.name = "guard: count out", .sync = unplug::sim::Sync::both},
    close_op{.name = "guard: close", .sync = unplug::sim::Sync::release},
    drain{.name = "guard: wait until nobody is inside", .sync = unplug::sim::Sync::acquire};

class CountingGuard final : public EntryGuard {
 public:
  explicit CountingGuard(bool count_first) : count_first_(count_first) {}

  void init(Kernel& kernel, NameId unique_name) override {
    name_ = unique_name;
    closed_ = kernel.engine().new_object(kernel.member(unique_name, kernel.intern("closed")));
    inside_ = kernel.engine().new_object(kernel.member(unique_name, kernel.intern("inside")));
  }
  // A scheduling point lies between each of these: the guard is under test as much as the driver.
  bool enter(Context& context, Token& /*token*/) override {
    if (count_first_) add(context, count_in, 1);
    const bool open = context.read(look, closed_, {}) == 0;
    if (open && !count_first_) add(context, count_in, 1);
    if (!open && count_first_) add(context, count_out, -1);
    return open;
  }
  void exit(Context& context, Token /*token*/) override { add(context, count_out, -1); }
  void fence(Context& context) override {
    context.write(close_op, closed_, {}, [](std::uint64_t& word) { word = 1; });
    unplug::sim::Step s = context.make(drain);
    s.access = {inside_, unplug::sim::AccessKind::read};
    s.guard = unplug::sim::Guard::equal(0);
    context.wait(s, {"drain", name_, Owner::driver}, [](std::uint64_t&) {});
  }

 private:
  void add(Context& context, const Operation& operation, int n) const {
    context.write(operation, inside_, {}, [n](std::uint64_t& word) { word += static_cast<std::uint64_t>(n); });
  }
  bool count_first_;
  NameId name_;
  ObjectId closed_, inside_;
};

// A driver's operation between enter and exit, and a remove() that frees what it reads.
Findings judge(const char* mechanism) {
  PolicySpec spec;
  spec.mechanism[static_cast<std::size_t>(Part::entry)] = mechanism;
  Policy policy(spec);
  Allocation priv;
  Experiment experiment([&](Experiment& e) {
    init_allocation(e.kernel, priv, e.name("priv"), e.name("priv"), {}, true);
    add_field(e.kernel, priv, e.name("x"), 0);
    policy.init(e.kernel, e.rcu, e.name("guard"), {});
    for (const auto* user : {"ioctl 1", "ioctl 2"})
      e.task(user, [&](Context& c) {
        Token token = 0;
        if (!policy.entry().enter(c, token)) return;
        static_cast<void>(load(c, priv, priv.fields[0].second, MemoryOrder::once));
        policy.entry().exit(c, token);
      });
    e.remover("remove", [&](Context& c) {
      policy.entry().fence(c);
      kfree(c, priv);
    });
  });
  return explore(experiment);
}

}  // namespace

int main() {
  using Made = std::unique_ptr<EntryGuard>;
  register_mechanism({Part::entry, "look, count", "looks at the flag, then counts itself in", ""},
                     [] { return Made(std::make_unique<CountingGuard>(false)); });
  register_mechanism({Part::entry, "count, look", "counts itself in, then looks at the flag", ""},
                     [] { return Made(std::make_unique<CountingGuard>(true)); });
  const Findings wrong = judge("look, count"), right = judge("count, look");
  std::printf("look, count: %scount, look: %s", describe(wrong).c_str(), describe(right).c_str());
  return wrong.find(ViolationClass::use_after_free, "priv", "ioctl 1") != nullptr && right.exhaustive && right.list.empty() ? 0 : 1;
}

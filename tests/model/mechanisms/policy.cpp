// Policies: how the mechanisms are put together, and what the built-in compositions do to one small driver.
#include "unplug/model/mechanisms/policy.hpp"

#include <stdexcept>

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

PolicySpec spec(std::initializer_list<std::pair<Part, std::string>> parts) {
  PolicySpec s;
  for (const auto& [part, mechanism] : parts) s.mechanism[static_cast<std::size_t>(part)] = mechanism;
  return s;
}

const PolicySpec quiesced = spec({{Part::work, "cancel_work_sync"}, {Part::irq, "free_irq"}, {Part::rcu_callbacks, "rcu_barrier"}});

PolicySpec with(PolicySpec s, Part part, const std::string& mechanism) {
  s.mechanism[static_cast<std::size_t>(part)] = mechanism;
  return s;
}

// A driver with everything the policies argue about: an ioctl that uses a window, waits for a fence of user space, and uses the window
// again; an interrupt that queues work that uses it too; an RCU callback in its text. devm: memory, window, interrupt. One user keeps his
// file open; the administrator unbinds, then unloads.
class Driver {
 public:
  explicit Driver(const PolicySpec& s) : policy_(s) {}

  Found run(std::uint64_t executions) { return sample(lab, executions); }

  Lab lab{[this](Lab& l) { make(l); }};

 private:
  void make(Lab& l) {
    l.init(device_, "dev");
    l.init(module_, "foo");
    l.init(binding_, device_, module_, "foo");
    l.init(priv_, "priv", {"hits"}, false, binding_.life);
    l.init(region_, "bar0");
    l.init(bar_, region_, "bar0", binding_.life);
    l.init(fence_, "fence", Owner::user);
    l.init(line_, "irq");
    l.init(
        action_, line_, "action", [this](Context& c) { in_driver(c, [&] { queue_work(c, work_); }); }, binding_.life);
    l.init(work_, "work", [this](Context& c) { in_driver(c, [&] { use_window(c); }); });
    l.init(callback_, "callback", [this](Context& c) { in_driver(c, [&] { mark(c); }); });
    resources_ = {{&bar_, {}, l.name("bar0")}};
    sources_ = {};
    sources_.works.push_back(&work_);
    sources_.irqs.push_back({&line_, &action_});
    sources_.waiters.push_back(&fence_);
    policy_.init(l.kernel, l.rcu, l.name("policy"), resources_);
    binding_.before_devres = [this](Context& c) { policy_.resource().before_devres(c, resources_); };
    init_char_device(l.kernel, node_, l.name("node"), l.name("node"), nullptr);
    ioctl_.body = [this, &l](Context& c, File& f) {
      int result = 0;
      in_driver(c, [&] {
        f.torn = !use_window(c);
        if (!f.torn) result = dma_fence_wait(c, fence_) && use_window(c) ? 0 : -19;
        call_rcu(c, l.rcu, callback_);
      });
      return result;
    };
    registration_ = {};
    registration_.binding = &binding_;
    registration_.guard = &policy_.entry();
    registration_.owner = policy_.pin().pinned(module_);
    registration_.ioctl = FileBody::run;
    registration_.ioctl_argument = &ioctl_;
    init_registration(l.kernel, node_, registration_, l.name("registration"), binding_.life);

    l.hardware(line_, 3);
    l.task("user", [this, &l](Context& c) {
      await_device_node(c, node_);
      File file;
      init_file(l.kernel, file);
      if (vfs_open(c, node_, file) == 0) vfs_ioctl(c, file);
    });
    l.remover("remover", [this, &l](Context& c) {
      must(probe_device(c, binding_, [&](Context& p) { return probe(p); }));
      must(release_driver(c, binding_, [&](Context& r) {
        deregister_char_device(r, node_, registration_);
        policy_.fence(r, binding_, sources_);
      }));
      delete_module(c, module_, l.rcu, [&] { policy_.exit_barrier().at_exit(c, l.rcu); });
    });
  }

  bool probe(Context& c) {
    static const StaticName free_name{"devm kfree"}, unmap_name{"devm iounmap"}, irq_name{"devm free_irq"};
    Kernel& k = c.kernel();
    kzalloc(c, priv_);
    devres_add(c, binding_, {&free_name, k.intern("priv"), [this](Context& x) { kfree(x, priv_); }, &priv_});
    request_mem_region(c, bar_);
    ioremap(c, bar_);
    devres_add(c, binding_,
               {&unmap_name, k.intern("bar0"),
                [this](Context& x) {
                  policy_.resource().revoke(x, resources_[0]);
                  iounmap(x, bar_);
                  release_mem_region(x, bar_);
                },
                &bar_});
    request_irq(c, line_, action_);
    devres_add(c, binding_, {&irq_name, k.intern("irq"), [this](Context& x) { free_irq(x, line_, action_); }, &action_});
    register_char_device(c, node_, registration_);
    return true;
  }
  template <class Body> void in_driver(Context& c, Body&& body) {
    static const Operation way_back{.name = "return"};
    const Context::Function function(c, c.kernel().intern("foo_op"), module_.text, binding_.life);
    body();
    c.engine().step(c.make(way_back));
  }
  bool use_window(Context& c) {
    Token token = 0;
    if (!policy_.resource().acquire(c, resources_[0], token)) return false;
    readl(c, bar_, {});
    policy_.resource().release(c, resources_[0], token);
    return true;
  }

  Policy policy_;
  Device device_;
  Module module_;
  Binding binding_;
  Allocation priv_;
  Region region_;
  Mapping bar_;
  Waiter fence_;
  IrqLine line_;
  IrqAction action_;
  Work work_;
  RcuCallback callback_;
  std::vector<Resource> resources_;
  Sources sources_;
  CharDevice node_;
  Registration registration_;
  FileBody ioctl_;
};

// The classes that were seen, and by whom.
std::set<std::string> classes(const Found& f) {
  std::set<std::string> out;
  for (const auto& [violation, n] : f.violations) out.insert(violation);
  return out;
}

constexpr std::uint64_t executions = 1500;

}  // namespace

TEST_CASE("policy: srcu-fence and rwsem-fence: nothing runs on, nothing is touched late, nothing hangs, and files pin nothing") {
  for (const std::string entry : {"srcu", "rwsem"}) {
    CAPTURE(entry);
    Driver d(with(with(quiesced, Part::entry, entry), Part::waiters, "shoot_down"));
    const Found f = d.run(executions);
    CHECK(f.text() == "runs-after-unbind(foo)@callback");  // a note: the barrier is in exit(), as drivers have it
  }
}

TEST_CASE("policy: without shooting waiters down a fence is unbounded, without the fence text and window are used late") {
  const PolicySpec fence = with(with(quiesced, Part::entry, "srcu"), Part::waiters, "shoot_down");
  Driver no_shooting(with(fence, Part::waiters, "none"));
  CHECK(no_shooting.run(executions).text() == "unbounded-remove(disassociate_srcu)@remover");
  Driver no_entry(with(fence, Part::entry, "none"));
  CHECK(classes(no_entry.run(executions)) == std::set<std::string>{"execute-after-free(foo)@callback", "execute-after-free(foo)@user",
                                                                   "runs-after-unbind(foo)@callback", "runs-after-unbind(foo)@user",
                                                                   "use-after-unmap(bar0)@user"});
  // devres frees the interrupt before the window goes, but the work it queued in between is nobody's.
  Driver no_irq(with(fence, Part::irq, "none"));
  CHECK(classes(no_irq.run(executions)) == std::set<std::string>{"runs-after-unbind(foo)@callback", "execute-after-free(foo)@kworker work",
                                                                 "runs-after-unbind(foo)@kworker work",
                                                                 "use-after-unmap(bar0)@kworker work"});
  Driver no_work(with(fence, Part::work, "none"));
  CHECK(classes(no_work.run(executions)) == std::set<std::string>{"runs-after-unbind(foo)@callback", "execute-after-free(foo)@kworker work",
                                                                  "runs-after-unbind(foo)@kworker work",
                                                                  "use-after-unmap(bar0)@kworker work"});
  // disable_work_sync makes up for an interrupt that is freed later.
  Driver disabled(with(with(fence, Part::irq, "none"), Part::work, "disable_work_sync"));
  CHECK(disabled.run(executions).text() == "runs-after-unbind(foo)@callback");
  Driver no_barrier(with(fence, Part::rcu_callbacks, "none"));
  CHECK(classes(no_barrier.run(executions)) ==
        std::set<std::string>{"execute-after-free(foo)@callback", "runs-after-unbind(foo)@callback"});
}

TEST_CASE("policy: revoking resources keeps the window safe, not the text: that needs the pin, which refuses rmmod") {
  for (const std::string resource : {"rcu-revoke", "rcu-revoke-batched"}) {
    CAPTURE(resource);
    const PolicySpec revoke = with(quiesced, Part::resource, resource);
    Driver unpinned(revoke);
    std::set<std::string> seen = classes(unpinned.run(executions));
    CHECK(seen.contains("execute-after-free(foo)@user"));
    CHECK(seen.contains("runs-after-unbind(foo)@user"));
    for (const std::string& s : seen) CHECK(s.find("use-after-unmap") == std::string::npos);

    Driver pinned(with(revoke, Part::pin, "fd-refcount"));
    seen = classes(pinned.run(executions));
    CHECK(seen.contains("module-pinned(foo)@remover"));
    CHECK(seen.contains("runs-after-unbind(foo)@user"));
    // What an operation leaves behind runs on in text that the file keeps; the file is never closed.
    for (const std::string& s : seen) CHECK((s.starts_with("module-pinned") || s.starts_with("runs-after-unbind")));
  }
}

TEST_CASE("policy: fd-refcount alone keeps the text and nothing else, none at all keeps nothing") {
  Driver refcount(with(quiesced, Part::pin, "fd-refcount"));
  std::set<std::string> seen = classes(refcount.run(executions));
  CHECK(seen.contains("use-after-unmap(bar0)@user"));
  CHECK(seen.contains("module-pinned(foo)@remover"));
  for (const std::string& s : seen) CHECK(s.find("execute-after-free") == std::string::npos);

  Driver none{PolicySpec{}};
  seen = classes(none.run(executions));
  for (const auto* expected : {"execute-after-free(foo)@user", "execute-after-free(foo)@kworker work", "use-after-unmap(bar0)@user",
                               "use-after-unmap(bar0)@kworker work", "runs-after-unbind(foo)@user"})
    CHECK(seen.contains(expected));
}

TEST_CASE("policy: fence() shoots waiters down, then fences entries, then frees interrupts, then stops the work they queue") {
  Driver d(with(with(quiesced, Part::entry, "srcu"), Part::waiters, "shoot_down"));
  d.run(1);
  const std::size_t shot = find_event(d.lab, "remover", "wake with error"),
                    cleared = find_event(d.lab, "remover", "fence: clear device pointer"),
                    synchronized = find_event(d.lab, "remover", "synchronize_srcu: done"),
                    unlinked = find_event(d.lab, "remover", "free_irq: unlink action"),
                    stolen = find_event(d.lab, "remover", "cancel_work_sync: steal pending"),
                    barrier = find_event(d.lab, "remover", "rcu_barrier");
  CHECK(shot < cleared);
  CHECK(cleared < synchronized);
  CHECK(synchronized < unlinked);
  CHECK(unlinked < stolen);
  CHECK(stolen < barrier);
  CHECK(barrier != no_such_event);
}

TEST_CASE("policy: the wrong order: fencing before shooting hangs, stopping work before its interrupt leaves work") {
  Waiter event;
  const auto fence = make_entry_guard("srcu");
  const auto shoot = make_quiesce(Part::waiters, "shoot_down");
  bool shoot_first = true;
  Device device;
  Module module;
  Binding binding;
  Lab lab([&](Lab& l) {
    l.init(device, "dev");
    l.init(module, "foo");
    l.init(binding, device, module, "foo");
    l.init(event, "event", Owner::user);
    fence->init(l.kernel, l.name("guard"));
    l.task("user", [&](Context& c) {
      Token token = 0;
      if (!fence->enter(c, token)) return;
      wait_for_completion(c, event);
      fence->exit(c, token);
    });
    l.remover("remove", [&](Context& c) {
      Sources sources;
      sources.waiters.push_back(&event);
      c.kernel().removal_phase = RemovalPhase::remove;
      if (shoot_first) shoot->quiesce(c, binding, sources);
      fence->fence(c);
      if (!shoot_first) shoot->quiesce(c, binding, sources);
    });
  });
  CHECK(every(lab).text().empty());
  shoot_first = false;
  CHECK(every(lab).text() == "unbounded-remove(disassociate_srcu)@remove");
}

TEST_CASE("policy: a mechanism that does not exist is refused, an empty one is none, and a core module goes with an entry guard") {
  CHECK_THROWS_AS(Policy(spec({{Part::entry, "kernfs"}})), std::invalid_argument);
  CHECK_THROWS_AS(Policy(spec({{Part::irq, "flush_work"}})), std::invalid_argument);
  CHECK_THROWS_AS(Policy(spec({{Part::rcu_callbacks, "srcu"}})), std::invalid_argument);
  const PolicySpec empty;
  for (const PartInfo& p : parts()) CHECK(empty[p.part] == "none");
  CHECK(!Policy(empty).has_core());
  CHECK(Policy(with(empty, Part::entry, "rwsem")).has_core());
  CHECK(!Policy(with(empty, Part::resource, "rcu-revoke")).has_core());
}

}  // namespace unplug::model::test

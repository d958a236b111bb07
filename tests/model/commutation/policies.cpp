// A driver under a policy, for the commutation of what mechanisms are made of.
#include <array>

#include "model/commute.hpp"
#include "unplug/model/mechanisms/policy.hpp"

namespace unplug::model::test {
namespace {

// A driver under a policy: probe, a node, an ioctl that uses a window, an interrupt that queues work, unbind, unload, a second loading.
class Driver {
 public:
  explicit Driver(const PolicySpec& spec) : policy_(spec) {}
  Lab lab{[this](Lab& l) { make(l); }};

 private:
  void make(Lab& l) {
    bystander(l, own_);
    l.init(device_, "dev");
    l.init(module_, "foo");
    l.init(next_, "foo next", false);
    l.init(binding_, device_, module_, "foo");
    l.init(region_, "bar0");
    l.init(bar_, region_, "bar0", binding_.life);
    l.init(fence_, "fence", Owner::user);
    l.init(misc_, "misc_mtx");
    l.init(line_, "irq");
    l.init(
        action_, line_, "action", [this](Context& c) { queue_work(c, work_); }, binding_.life);
    l.init(work_, "work", [this](Context& c) { use_window(c); });
    resources_ = {{&bar_, {}, l.name("bar0")}};
    sources_ = {};
    sources_.works.push_back(&work_);
    sources_.irqs.push_back({&line_, &action_});
    sources_.waiters.push_back(&fence_);
    policy_.init(l.kernel, l.rcu, l.name("policy"), resources_);
    binding_.before_devres = [this](Context& c) { policy_.resource().before_devres(c, resources_); };
    init_char_device(l.kernel, node_, l.name("node"), l.name("node"), &misc_);
    ioctl_.body = [this](Context& c, File& f) {
      f.torn = !use_window(c);
      return f.torn || !dma_fence_wait(c, fence_) ? -19 : 0;
    };
    registration_ = {};
    registration_.binding = &binding_;
    registration_.guard = &policy_.entry();
    registration_.owner = policy_.pin().pinned(module_);
    registration_.ioctl = FileBody::run;
    registration_.ioctl_argument = &ioctl_;
    init_registration(l.kernel, node_, registration_, l.name("registration"), binding_.life);
    l.hardware(line_, 2);
    l.task("user", [this, &l](Context& c) {
      await_device_node(c, node_);
      File file;
      init_file(l.kernel, file);
      if (vfs_open(c, node_, file) != 0) return;
      vfs_ioctl(c, file);
      vfs_close(c, file);
    });
    l.remover("remover", [this, &l](Context& c) {
      await_bound(c, device_);
      release_driver(c, binding_, [&](Context& r) {
        deregister_char_device(r, node_, registration_);
        policy_.fence(r, binding_, sources_);
      });
      if (delete_module(c, module_, l.rcu, [&] { policy_.exit_barrier().at_exit(c, l.rcu); }) == DeleteResult::gone) load_module(c, next_);
    });
    l.task("probe", [this](Context& c) {
      static const StaticName unmap{"devm iounmap"}, release_irq{"devm free_irq"};
      probe_device(c, binding_, [&](Context& p) {
        Kernel& k = p.kernel();
        request_mem_region(p, bar_);
        ioremap(p, bar_);
        devres_add(p, binding_,
                   {&unmap, k.intern("bar0"),
                    [this](Context& x) {
                      policy_.resource().revoke(x, resources_[0]);
                      iounmap(x, bar_);
                      release_mem_region(x, bar_);
                    },
                    &bar_});
        request_irq(p, line_, action_);
        devres_add(p, binding_, {&release_irq, k.intern("irq"), [this](Context& x) { free_irq(x, line_, action_); }, &action_});
        register_char_device(p, node_, registration_);
        return true;
      });
    });
  }
  bool use_window(Context& c) {
    static constexpr std::array<std::uint64_t, 2> values{0, 1};
    Token token = 0;
    if (!policy_.resource().acquire(c, resources_[0], token)) return false;
    readl(c, bar_, values);
    writel(c, bar_);
    policy_.resource().release(c, resources_[0], token);
    return true;
  }

  Policy policy_;
  Allocation own_;
  Device device_;
  Module module_, next_;
  Binding binding_;
  Region region_;
  Mapping bar_;
  Waiter fence_;
  Mutex misc_;
  IrqLine line_;
  IrqAction action_;
  Work work_;
  std::vector<Resource> resources_;
  Sources sources_;
  CharDevice node_;
  Registration registration_;
  FileBody ioctl_;
};

PolicySpec spec(std::initializer_list<std::pair<Part, std::string>> parts) {
  PolicySpec s;
  for (const auto& [part, mechanism] : parts) s.mechanism[static_cast<std::size_t>(part)] = mechanism;
  return s;
}

// A driver with interrupts, windows, a node and files, under every mechanism.
std::uint64_t policies(Covered& covered) {
  using enum Part;
  std::uint64_t pairs = 0;
  for (const PolicySpec& p :
       {PolicySpec{},
        spec({{entry, "srcu"}, {work, "cancel_work_sync"}, {irq, "free_irq"}, {waiters, "shoot_down"}, {rcu_callbacks, "rcu_barrier"}}),
        spec({{entry, "rwsem"}, {work, "disable_work_sync"}, {irq, "free_irq"}, {waiters, "shoot_down"}}),
        spec({{resource, "rcu-revoke"}, {pin, "fd-refcount"}, {work, "flush_work"}, {waiters, "shoot_down"}}),
        spec({{resource, "rcu-revoke-batched"}, {work, "cancel_work_sync"}, {irq, "free_irq"}, {waiters, "shoot_down"}})}) {
    Driver d(p);
    pairs += commute(d.lab, 25, 8, covered);
  }
  return pairs;
}
const CommutationLab policies_lab{"a driver under policies", 1000, policies};

}  // namespace
}  // namespace unplug::model::test

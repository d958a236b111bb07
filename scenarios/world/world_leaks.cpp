// What is left at the end of an execution that nothing leads to any more.
#include <algorithm>
#include <set>

#include "unplug/model/kernel/base/notifier.hpp"
#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/fs/debugfs.hpp"
#include "unplug/model/kernel/fs/procfs.hpp"
#include "unplug/model/kernel/lib/idr.hpp"
#include "unplug/model/kernel/lib/list.hpp"
#include "unplug/model/kernel/locking/dma_fence.hpp"
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {
namespace {

// Pointers carry flags in their lowest bits now and then.
constexpr Handle tag_bits = 3;

}  // namespace

// Marks what is reached, as a garbage collector does.
class World::Reach {
 public:
  Reach(World& world, const sim::Trace& trace) : w_(world), trace_(trace), balance_(trace.lifetimes.size(), 0) {
    for (std::size_t l = 0; l < balance_.size(); ++l) balance_[l] = trace.lifetimes[l].from_start ? 1 : 0;
    for (const std::uint32_t i : trace.boundaries) {
      const sim::Event& e = trace.events[i];
      if (e.begins) ++balance_[e.begins.index()];
      if (e.ends) --balance_[e.ends.index()];
    }
    for (std::size_t i = 0; i < w_.instance_count_; ++i) {
      Instance& made = w_.instances_[i];
      by_handle_.emplace_back(made.handle, i);
    }
    std::sort(by_handle_.begin(), by_handle_.end());
    reached_.assign(w_.instance_count_, false);
  }

  [[nodiscard]] bool alive(sim::LifetimeId l) const { return !l || balance_[l.index()] > 0; }

  // From all that is still there besides the memory that was made on the way.
  void from_roots() {
    for (const auto& b : w_.bindings_) {
      for (std::size_t i = 0; i < w_.program_->of(EntityKind::allocation).size(); ++i)
        if (const model::Allocation& a = w_.allocations_[b->first_allocation + i]; alive(a.life)) words_of(a);
      things(b->things, alive(b->binding.life));
      if (alive(b->binding.life))
        for (const Callback& c : b->callbacks) visit(c.self);
    }
    for (const DeviceInstance& d : w_.devices_)
      if (d.device.drvdata) visit(word(d.device.drvdata));
    w_.each_file([&](const model::File& f) { visit(word(f.private_data)); });
    for (const TaskState& t : w_.tasks_)
      for (const std::uint64_t v : t.locals) visit(v);
    for (const Left& left : w_.left_) {
      visit(left.self);
      for (const std::uint64_t v : left.locals) visit(v);
    }
    for (std::size_t i = 0; i < w_.instance_count_; ++i)
      if (alive(w_.instances_[i].memory.life) && registered(w_.instances_[i].things)) mark(i);
    drain();
  }
  void from(std::size_t instance) {
    mark(instance);
    drain();
  }
  [[nodiscard]] bool reached(std::size_t instance) const { return reached_[instance]; }

 private:
  [[nodiscard]] std::uint64_t word(sim::ObjectId o) const { return o ? trace_.objects[o.index()].word : 0; }

  // A pointer to memory, or into it: what is embedded in it is found by it.
  void visit(Handle h) {
    for (Handle tag = 0; tag <= tag_bits; ++tag) {
      const auto found = std::ranges::lower_bound(by_handle_, h - tag, {}, &std::pair<Handle, std::size_t>::first);
      if (found != by_handle_.end() && found->first == h - tag) mark(found->second);
    }
  }
  void mark(std::size_t i) {
    if (reached_[i]) return;
    reached_[i] = true;
    open_.push_back(i);
  }
  void drain() {
    while (!open_.empty()) {
      const std::size_t i = open_.back();
      open_.pop_back();
      const Instance& made = w_.instances_[i];
      if (!alive(made.memory.life)) continue;  // what it held leads nowhere
      if (made.parent != 0) visit(made.parent);
      for (std::size_t part = 0; part < w_.instance_count_; ++part)
        if (w_.instances_[part].parent == made.handle) mark(part);
      words_of(made.memory);
      things(made.things);
      for (const model::ListEntry& e : list_of<EntityKind::list_entry>(made.things)) neighbours(e);
    }
  }
  void words_of(const model::Allocation& a) {
    for (const auto& [name, object] : a.fields) visit(word(object));
  }
  template <EntityKind kind> const std::deque<typename ThingOf<kind>::Type>& list_of(const ThingTable& t) const {
    static const std::deque<typename ThingOf<kind>::Type> none;
    return w_.program_->of(kind).empty() || !t.has(kind) ? none : t.all<kind>();
  }
  // Containers of pointers: lists, tables of ids, chains of notifiers. `there`: whether those are that are in no memory.
  void things(const ThingTable& t, bool there = true) {
    const auto is_there = [&](sim::LifetimeId home) { return home ? alive(home) : there; };
    for (const model::List& l : list_of<EntityKind::list>(t))
      if (is_there(l.head.home)) walk(l);
    for (const model::IdTable& ids : list_of<EntityKind::id_table>(t))
      for (const model::Allocation* a : ids.entries)
        if (a != nullptr && is_there(ids.home)) visit(w_.handle_of(a));
    each_chain(t, [&](const model::NotifierChain& chain) {
      for (const model::NotifierBlock* nb = is_there(chain.home) ? chain.head : nullptr; nb != nullptr; nb = nb->next)
        if (nb->argument != nullptr) visit(static_cast<const Callback*>(nb->argument)->self);
    });
  }
  template <class Visit> void each_chain(const ThingTable& t, Visit&& visit_chain) {
    for (const auto& c : list_of<EntityKind::blocking_chain>(t)) visit_chain(c);
    for (const auto& c : list_of<EntityKind::atomic_chain>(t)) visit_chain(c);
    for (const auto& c : list_of<EntityKind::srcu_chain>(t)) visit_chain(c);
    for (const auto& c : list_of<EntityKind::raw_chain>(t)) visit_chain(c);
  }
  // As far as it leads: who follows it stops at what was freed.
  void walk(const model::List& l) {
    std::size_t steps = 0;
    for (const model::ListEntry* e = l.head.next; e != nullptr && e != &l.head && steps <= w_.instance_count_ + 1000;
         e = e->next, ++steps) {
      visit(e->container);
      if (!alive(e->home)) return;
    }
  }
  void neighbours(const model::ListEntry& e) {
    for (const model::ListEntry* n : {e.next, e.prev})
      if (n != nullptr) visit(n->container);
  }
  // The kernel has a pointer into it: that is a leak of its own.
  [[nodiscard]] bool registered(const ThingTable& t) const {
    const auto any = [&](const auto& list) { return std::ranges::any_of(list, [&](const auto& x) { return x.life && alive(x.life); }); };
    return any(list_of<EntityKind::notifier>(t)) || any(list_of<EntityKind::attribute>(t)) || any(list_of<EntityKind::cdev>(t)) ||
           any(list_of<EntityKind::chardev>(t)) || any(list_of<EntityKind::debugfs>(t)) || any(list_of<EntityKind::proc>(t)) ||
           any(list_of<EntityKind::irq>(t)) ||
           std::ranges::any_of(list_of<EntityKind::fence>(t), [](const model::DmaFence& f) { return !f.callbacks.empty(); });
  }

  World& w_;
  const sim::Trace& trace_;
  std::vector<int> balance_;  // by lifetime: above 0: alive
  std::vector<std::pair<Handle, std::size_t>> by_handle_;
  std::vector<bool> reached_;      // by instance
  std::vector<std::size_t> open_;  // reached, and not yet followed
};

std::vector<sim::LifetimeId> World::lost_memory(const sim::Trace& trace) {
  std::vector<sim::LifetimeId> out;
  if (instance_count_ == 0) return out;
  Reach reach(*this, trace);
  reach.from_roots();
  std::vector<std::size_t> lost;
  for (std::size_t i = 0; i < instance_count_; ++i) {
    const Instance& made = instances_[i];
    const EntitySpec& spec = program_->of(EntityKind::allocation)[made.allocation];
    if (made.parent == 0 && !spec.of_policy && !spec.from_start && !reach.reached(i) && reach.alive(made.memory.life) && made.memory.life &&
        !reach.alive(made.binding->binding.life))
      lost.push_back(i);
  }
  // What leads to the others is what was lost. Of a ring, whose name comes first.
  const auto name = [&](std::size_t i) -> const std::string& {
    return kernel_.text(trace.lifetimes[instances_[i].memory.life.index()].name);
  };
  std::ranges::sort(lost, {}, name);
  std::vector<std::vector<bool>> leads;
  for (const std::size_t i : lost) {
    Reach one(*this, trace);
    one.from(i);
    std::vector<bool>& to = leads.emplace_back();
    for (const std::size_t k : lost) to.push_back(one.reached(k));
  }
  for (std::size_t i = 0; i < lost.size(); ++i) {
    bool first = true;
    for (std::size_t k = 0; k < lost.size() && first; ++k) first = k == i || !leads[k][i] || (leads[i][k] && i < k);
    if (first) out.push_back(instances_[lost[i]].memory.life);
  }
  return out;
}

bool World::may_put(sim::LifetimeId binding, const model::Module& module) const {
  const auto b = std::ranges::find_if(bindings_, [&](const auto& x) { return x->binding.life == binding; });
  if (b == bindings_.end()) return false;
  const bool its_own_exit = !(*b)->device->spec->real && (*b)->module == &module;  // which can't run while it is held
  return !its_own_exit && program_->puts_modules[(*b)->device->number];
}

World::LeftOpen World::left_open() {
  LeftOpen left;
  const bool hook = program_->hooks[static_cast<std::size_t>(Hook::close)] != UINT32_MAX;
  each_file([&](const model::File& f) {
    left.driver = left.driver || hook || f.replacement != nullptr || (f.ops != nullptr && f.ops->release != nullptr);
    left.cdev = left.cdev || f.cdev != nullptr;
  });
  for (const TaskState& t : tasks_)
    for (const model::Vma& v : t.mappings) left.driver = left.driver || (v.file.open && v.closed != nullptr);
  return left;
}

}  // namespace unplug::scenarios

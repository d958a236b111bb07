#include "unplug/model/core/kernel.hpp"

#include <algorithm>
#include <atomic>

namespace unplug::model {

std::string_view name(Owner owner) {
  switch (owner) {
    case Owner::driver: return "driver";
    case Owner::core: return "core";
    case Owner::other_driver: return "other driver";
    case Owner::hardware: return "hardware";
    case Owner::user: return "user";
    case Owner::grace_period: return "grace period";
  }
  return "core";
}

std::uint32_t StaticName::next_slot() {
  static std::atomic<std::uint32_t> next{0};  // the numbers reach no result
  return next++;
}

Kernel::Kernel(sim::Engine& engine, KernelConfig config) : engine_(engine), config_(std::move(config)) {}

void Kernel::reset() {
  lifetimes_.clear();
  declared_.clear();
  for (auto& h : holders_) h.clear();
  waiting_.clear();
  reports_.clear();
  lock_orders_.clear();
  promises_.clear();
  counts_.clear();
  owed_.clear();
  refusals_.clear();
  removal = {};
  removal_phase = RemovalPhase::none;
  remover = {};
  interrupt_rcu = nullptr;
  removal_waits.clear();
  operations = {};
  static const StaticName faults_name{"faults"};
  faults = config_.faults == 0 ? ObjectId{} : engine_.new_object(intern(faults_name), config_.faults);
  works.clear();
  modules.clear();
  polling.clear();
  engine_.set_cpus(config_.cpus);
  engine_.set_default_cost(config_.step_cost);
}

TaskId Kernel::spawn(NameId name, NameId role, void (*entry)(void*), void* argument, bool daemon, std::uint32_t alike) {
  sim::TaskSpec spec;
  spec.name = name;
  spec.role = role;
  spec.daemon = daemon;
  spec.entry = entry;
  spec.argument = argument;
  spec.alike = alike;
  return engine_.spawn(spec);
}

NameId Kernel::intern(const StaticName& name) {
  if (name.slot >= static_names_.size()) static_names_.resize(name.slot + 1);
  NameId& id = static_names_[name.slot];
  if (!id) id = intern(name.text);
  return id;
}

SiteId Kernel::site(const KernelSite& site) {
  if (site.step.slot >= kernel_sites_.size()) kernel_sites_.resize(site.step.slot + 1);
  SiteId& id = kernel_sites_[site.step.slot];
  if (!id) id = this->site({std::string(site.function.text), std::string(site.step.text), std::string(site.step.text), {}, false});
  return id;
}

SiteId Kernel::site(const Site& site) {
  const auto key = std::tie(site.function, site.step, site.source);
  if (const auto found = site_ids_.find(key); found != site_ids_.end()) return found->second;
  const SiteId id{static_cast<std::uint32_t>(sites_.size())};
  sites_.push_back(site);
  site_ids_.emplace(key, id);
  return id;
}

FrameId Kernel::frame(FrameId parent, NameId function) {
  const auto key = std::pair(parent, function);
  if (const auto found = frame_ids_.find(key); found != frame_ids_.end()) return found->second;
  const FrameId id{static_cast<std::uint32_t>(frames_.size())};
  frames_.push_back({parent, function});
  frame_ids_.emplace(key, id);
  return id;
}

std::vector<std::string> Kernel::call_chain(FrameId frame) const {
  std::vector<std::string> out;
  for (; frame; frame = frames_[frame.index()].parent) out.push_back(text(frames_[frame.index()].function));
  return out;
}

LifetimeId Kernel::new_lifetime(NameId name, LifetimeKind kind, NameId declared, LifetimeId owner, bool from_start) {
  lifetimes_.push_back({kind, declared, owner});
  return engine_.new_lifetime(name, static_cast<std::uint32_t>(kind), from_start);
}

void Kernel::declare_object(ObjectId object, NameId declared) {
  if (object.index() >= declared_.size()) declared_.resize(object.index() + 1);
  declared_[object.index()] = declared;
}

NameId Kernel::declared(ObjectId object, NameId otherwise) const {
  return object.index() < declared_.size() && declared_[object.index()] ? declared_[object.index()] : otherwise;
}

NameId Kernel::member(NameId of, NameId part) {
  NameId& id = members_[{of, part}];
  if (!id) id = intern(text(of) + '.' + text(part));
  return id;
}

void Kernel::hold(ObjectId object, TaskId task, std::uint64_t number) {
  if (object.index() >= holders_.size()) holders_.resize(object.index() + 1);
  holders_[object.index()].push_back({task, number});
}

void Kernel::unhold(ObjectId object, TaskId task) {
  if (object.index() >= holders_.size()) return;
  auto& list = holders_[object.index()];
  if (const auto found = std::ranges::find(list, task, &Holder::task); found != list.end()) list.erase(found);
}

const std::vector<Kernel::Holder>& Kernel::holders(ObjectId object) const {
  static const std::vector<Holder> nobody;
  return object.index() < holders_.size() ? holders_[object.index()] : nobody;
}

const WaitInfo* Kernel::waiting(TaskId task) const {
  return task.index() < waiting_.size() && waiting_[task.index()].now ? &waiting_[task.index()].info : nullptr;
}

void Kernel::set_waiting(TaskId task, const WaitInfo* info) {
  if (task.index() >= waiting_.size()) waiting_.resize(task.index() + 1);
  Waiting& w = waiting_[task.index()];
  w.now = info != nullptr;
  if (info != nullptr) w.info = *info;
}

void Kernel::report(ViolationClass c, NameId object, std::string detail, Shown shown) {
  if (engine_.aborting()) return;
  const auto position = static_cast<std::uint32_t>(engine_.trace().events.size());
  reports_.push_back({c, object, engine_.current(), position, shown, std::move(detail)});
}

void Kernel::note_lock_order(const LockOrder& order) {
  const auto same = [&](const LockOrder& o) {
    return o.task == order.task && o.held.object == order.held.object && o.taken.object == order.taken.object &&
           o.held.use == order.held.use && o.taken.use == order.taken.use;
  };
  if (std::ranges::none_of(lock_orders_, same)) lock_orders_.push_back(order);
}

void Kernel::count_refusal(bool torn, SiteId site) {
  if (!engine_.aborting()) ++refusals_[{torn, site}];
}

}  // namespace unplug::model

#include "unplug/sim/dpor/symmetry.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace unplug::sim {
namespace {

bool called_after(std::string_view name, std::string_view of) {
  return name.size() > of.size() && name.starts_with(of) && name[of.size()] == '/';
}

}  // namespace

void Symmetry::begin(Engine& engine) {
  if (names_ != nullptr) {
    for (Member& m : members_) m.told = false;
    return;
  }
  names_ = &engine.names();
  std::map<std::uint32_t, std::vector<NameId>> groups;
  std::vector<NameId> alike;
  for (std::uint32_t t = 0; t < engine.tasks(); ++t)
    if (engine.spec(TaskId{t}).alike != 0 && !engine.creator(TaskId{t})) alike.push_back(engine.spec(TaskId{t}).name);
  for (std::uint32_t t = 0; t < engine.tasks(); ++t) {
    const TaskSpec& spec = engine.spec(TaskId{t});
    const auto is_owner = [&](NameId n) { return called_after(names_->text(spec.name), names_->text(n)); };
    if (spec.alike != 0 && !engine.creator(TaskId{t}) && std::ranges::none_of(alike, is_owner)) groups[spec.alike].push_back(spec.name);
  }
  for (const auto& [number, group] : groups) {
    if (group.size() < 2) continue;
    starts_.push_back(static_cast<std::uint32_t>(members_.size()));
    for (const NameId n : group) members_.push_back({.name = n, .group = static_cast<std::uint32_t>(starts_.size() - 1)});
  }
}

std::uint32_t Symmetry::find_owner(NameId name) {
  std::uint32_t found = none;
  for (std::uint32_t m = 0; m < members_.size(); ++m)
    if (members_[m].name == name || called_after(names_->text(name), names_->text(members_[m].name))) found = m;
  if (name.index() >= owners_.size()) owners_.resize(std::size_t{name.index()} + 1, unknown);
  return owners_[name.index()] = found;
}

std::uint32_t Symmetry::first_untold(std::uint32_t group) const {
  for (std::uint32_t m = starts_[group]; m < members_.size() && members_[m].group == group; ++m)
    if (!members_[m].told) return m;
  return none;
}

void Symmetry::read(const Trace& trace) {
  for (Member& m : members_) m.told_by = none;
  const auto tell_by = [&](NameId name, std::uint32_t event) {
    if (const std::uint32_t m = owner(name); m != none) members_[m].told_by = std::min(members_[m].told_by, event);
  };
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event& e = trace.events[i];
    tell_by(trace.tasks[e.task.index()].name, i);
    if (e.access.kind != AccessKind::none) tell_by(trace.objects[e.access.object.index()].name, i);
  }
}

NameId Symmetry::renamed(NameId name, std::uint32_t first) {
  const std::uint32_t from = owner(name);
  if (from == none || members_[from].told_by < first) return name;
  Member& m = members_[from];
  if (m.becomes == none) {
    std::uint32_t& next = next_[m.group];
    while (members_[next].told_by < first) ++next;
    m.becomes = next++;
  }
  if (m.becomes == from) return name;
  const NameId other = members_[m.becomes].name;
  if (name == m.name) return other;
  const auto [have, missing] = renamed_.try_emplace({name, m.becomes});
  if (missing) have->second = names_->intern(names_->text(other) + names_->text(name).substr(names_->text(m.name).size()));
  return have->second;
}

void Symmetry::rename(std::uint32_t first, std::vector<Move>& sequence) {
  next_ = starts_;
  for (Member& m : members_) m.becomes = none;
  for (Move& m : sequence) {
    m.label.task = renamed(m.label.task, first);
    if (m.touch.kind != AccessKind::none) m.touch.object = renamed(m.touch.object, first);
  }
}

}  // namespace unplug::sim

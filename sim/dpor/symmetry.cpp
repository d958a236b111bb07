#include "unplug/sim/dpor/symmetry.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>

#include "unplug/sim/dpor/races.hpp"
#include "unplug/sim/hash.hpp"

namespace unplug::sim {
namespace {

bool called_after(std::string_view name, std::string_view of) {
  return name.size() > of.size() && name.starts_with(of) && name[of.size()] == '/';
}

constexpr std::uint64_t own_object = 0x6f776eU;

}  // namespace

void Symmetry::Histories::clear(std::size_t members) {
  of.assign(members, 0);
  ++execution;
  told = 0;
}

void Symmetry::begin(Engine& engine) {
  if (names_ != nullptr) {
    if (any()) running_.clear(members_.size());
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
  std::uint32_t number = 0;
  for (const auto& [_, group] : groups) {
    if (group.size() < 2) continue;
    for (const NameId n : group) members_.push_back({.name = n, .group = number});
    ++number;
  }
  running_.clear(members_.size());
}

std::uint32_t Symmetry::find_owner(NameId name) {
  std::uint32_t found = none;
  for (std::uint32_t m = 0; m < members_.size(); ++m)
    if (members_[m].name == name || called_after(names_->text(name), names_->text(members_[m].name))) found = m;
  if (name.index() >= owners_.size()) owners_.resize(std::size_t{name.index()} + 1, unknown);
  return owners_[name.index()] = found;
}

std::uint64_t Symmetry::seen_from_owner(NameId name) {
  if (name.index() >= relative_.size()) relative_.resize(std::size_t{name.index()} + 1, 0);
  std::uint64_t& known = relative_[name.index()];
  if (known != 0) return known;
  const std::uint32_t m = owner(name);
  if (m == none) return known = names_->hash(name) | 1U;
  const std::string_view suffix = std::string_view(names_->text(name)).substr(names_->text(members_[m].name).size());
  return known = combine(combine(own_object, members_[m].group), hash_bytes(suffix)) | 1U;
}

void Symmetry::took(Histories& h, const Move& m) {
  const std::uint32_t who = owner(m.label.task);
  const bool itself = who != none && members_[who].name == m.label.task;
  if (who != none && !itself) h.of[who] = combine(++h.told, h.of[who]);
  std::uint64_t access = 0;
  if (m.touch.kind != AccessKind::none) {
    const std::uint32_t i = m.touch.object.index();
    if (i >= h.runs.size()) h.runs.resize(std::size_t{i} + 1);
    Histories::Run& run = h.runs[i];
    if (run.execution != h.execution) run = {AccessKind::none, 0, h.execution};
    if (run.kind != m.touch.kind || run.kind == AccessKind::write) ++run.number;
    run.kind = m.touch.kind;
    const std::uint32_t of = owner(m.touch.object);
    if (of != none && of != who) h.of[of] = combine(++h.told, h.of[of]);
    access = combine(of != none && of == who ? seen_from_owner(m.touch.object) : names_->hash(m.touch.object),
                     combine(static_cast<std::uint64_t>(m.touch.kind), run.number));
  }
  if (itself) h.of[who] = combine(combine(h.of[who], m.label.choice + 1), access);
}

NameId Symmetry::renamed(NameId name) {
  const std::uint32_t from = owner(name);
  if (from == none || becomes_[from] == from) return name;
  const NameId other = members_[becomes_[from]].name;
  if (name == members_[from].name) return other;
  const auto [have, missing] = renamed_.try_emplace({name, becomes_[from]});
  if (missing) have->second = names_->intern(names_->text(other) + names_->text(name).substr(names_->text(members_[from].name).size()));
  return have->second;
}

void Symmetry::rename(const Trace& trace, std::uint32_t first, std::vector<Move>& sequence) {
  replayed_.clear(members_.size());
  for (std::uint32_t i = 0; i < first; ++i) took(replayed_, move_of(trace, trace.events[i]));
  becomes_.resize(members_.size());
  std::iota(becomes_.begin(), becomes_.end(), 0U);
  for (Move& m : sequence) {
    if (const std::uint32_t who = owner(m.label.task); who != none) {
      const std::uint32_t now = becomes_[who], stands = replayed_.first_like(now, members_);
      if (stands != now) {
        *std::ranges::find(becomes_, stands) = now;
        becomes_[who] = stands;
      }
    }
    m.label.task = renamed(m.label.task);
    if (m.touch.kind != AccessKind::none) m.touch.object = renamed(m.touch.object);
    took(replayed_, m);
  }
}

void Symmetry::hash_orbit(const Trace& trace) {
  tasks_.clear();
  for (const TaskRecord& t : trace.tasks) tasks_.push_back(seen_from_owner(t.name));
  objects_.clear();
  for (const ObjectRecord& o : trace.objects) objects_.push_back(seen_from_owner(o.name));
  runs_.assign(trace.objects.size(), 0);
  kinds_.assign(trace.objects.size(), AccessKind::none);
  for (const Event& e : trace.events) {
    std::uint64_t& mine = tasks_[e.task.index()];
    mine = combine(mine, e.choice + 1);
    if (e.access.kind == AccessKind::none) continue;
    const std::uint32_t o = e.access.object.index();
    if (kinds_[o] != e.access.kind || e.access.kind == AccessKind::write) {
      objects_[o] = combine(objects_[o], runs_[o]);
      runs_[o] = 0;
      kinds_[o] = e.access.kind;
    }
    mine = combine(mine, combine(objects_[o], static_cast<std::uint64_t>(e.access.kind)));
    runs_[o] += mix(mine);
  }
}

// By member: what it did, and what happened to what it owns. Answers the sum of what nobody owns.
std::uint64_t Symmetry::hash_members(const Trace& trace) {
  hash_orbit(trace);
  of_.assign(members_.size(), 0);
  std::uint64_t nobodys = 0;
  const auto add = [&](NameId name, std::uint64_t hash) {
    const std::uint32_t m = owner(name);
    (m == none ? nobodys : of_[m]) += mix(hash);
  };
  for (std::size_t t = 0; t < trace.tasks.size(); ++t) add(trace.tasks[t].name, tasks_[t]);
  for (std::size_t o = 0; o < trace.objects.size(); ++o) add(trace.objects[o].name, combine(objects_[o], runs_[o]));
  return nobodys;
}

std::uint64_t Symmetry::orbit(const Trace& trace) {
  std::uint64_t sum = hash_members(trace);
  for (const std::uint64_t m : of_) sum += mix(m);
  return sum;
}

std::uint64_t Symmetry::traces_of_orbit() const {
  // Ways to name each group's members, of which those that went through the same are one.
  std::uint64_t ways = 1;
  for (std::uint32_t m = 0; m < members_.size(); ++m) {
    std::uint64_t before = 1, same = 1;
    for (std::uint32_t o = m; o-- > 0 && members_[o].group == members_[m].group;) {
      ++before;
      same += of_[o] == of_[m] ? 1 : 0;
    }
    ways = ways * before / same;
  }
  return ways;
}

void Symmetry::make_canonical(const Trace& trace, std::vector<Label>& schedule) {
  hash_members(trace);
  std::vector<std::uint32_t> order(members_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(
      order, [&](std::uint32_t a, std::uint32_t b) { return std::pair(members_[a].group, of_[a]) < std::pair(members_[b].group, of_[b]); });
  becomes_.resize(members_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) becomes_[order[i]] = i;
  for (Label& l : schedule) l.task = renamed(l.task);
}

}  // namespace unplug::sim

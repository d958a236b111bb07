// Whose thing each name in a file means.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/file/removal_ways.hpp"
#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/file_compiler.hpp"

namespace unplug::scenarios {
namespace {

// The string in a step that is the name, or begins with it ("priv.dead", "priv + 1"); else the step.
Node name_in(Node step, std::string_view name) {
  const auto word = [](char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto speaks = [&](std::string_view text) {
    const std::size_t at = text.find(name);
    if (at == std::string_view::npos || (at != 0 && word(text[at - 1]))) return false;
    return at + name.size() == text.size() || !word(text[at + name.size()]);
  };
  const auto look = [&](const auto& self, Node n, bool blocks) -> Node {
    if (n.is(Node::Kind::string)) return speaks(n.string()) ? n : Node{};
    for (std::size_t i = 0; n.is(Node::Kind::object) && i < n.size(); ++i) {
      if (!blocks && n.at(i).is(Node::Kind::array)) continue;
      if (n.key(i) == "note" || n.key(i) == "form" || n.key(i) == "id") continue;
      if (const Node found = self(self, n.at(i), blocks)) return found;
    }
    return {};
  };
  const Node found = look(look, step, false);
  return found ? found : step;
}

std::string name_of(const Program& p, std::uint32_t device) {
  const DeviceSpec& d = p.devices[device];
  if (!d.real) return fmt::format("module {}", d.name);
  return d.name.empty() ? fmt::format("the device of {}", p.modules[d.module].name) : d.name;
}

// "foo0, foo1 and module core"
std::string names_of(const Program& p, const DeviceSet& devices) {
  std::vector<std::string> names;
  for (const std::uint32_t d : devices) names.push_back(name_of(p, d));
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return out;
}

// How a task of user space says it: "foo0/attr", "foo/attr" where foo has one device, which has no name.
std::string path_of(const Program& p, std::uint32_t device) {
  const DeviceSpec& d = p.devices[device];
  return d.name.empty() ? p.modules[d.module].name : d.name;
}

}  // namespace

DeviceSet FileCompiler::once() const {
  DeviceSet out;
  for (std::uint32_t d = 0; d < program_->devices.size(); ++d) {
    const auto again = [&](const RemovalStage& s) {
      if (!s.binds()) return false;
      const StageTarget target = target_of(s, roster_);
      return s.of_module() ? target.module == program_->devices[d].module : target.device && real_devices_[*target.device] == d;
    };
    if (!program_->devices[d].real || std::ranges::none_of(program_->removal, again)) out.insert(d);
  }
  return out;
}

void FileCompiler::of_which(Node at, const std::string& name, const DeviceSet& homes) const {
  const Program& p = *program_;
  const bool again = homes.size() == 1;
  at.error(reader_.out(), fmt::format("'{}' of which {}?", name, again ? "binding" : "device"),
           again ? fmt::format("code that runs for {0}, as {0} is bound more than once; or a way by a pointer", names_of(p, homes))
                 : fmt::format("DEVICE/{}: it is made for {}", name, names_of(p, homes)));
}

void FileCompiler::find_homes() {
  if (program_->several()) homes_ = scenarios::find_homes(*program_, entities_.specs, makers_);
}

// What is embedded in memory is whose the memory is.
void FileCompiler::find_scopes() {
  auto& allocations = entities_.specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::vector<EntitySpec>& list : entities_.specs)
    for (EntitySpec& e : list)
      if (e.allocation != UINT32_MAX) {
        e.scope = allocations[e.allocation].scope;
        e.module = allocations[e.allocation].module;
      }
}

std::optional<FileCompiler::Whose> FileCompiler::whose(const DeviceSet& homes, const DeviceSet& devices, const DeviceSet& once) {
  Program& p = *program_;
  std::vector<std::uint32_t> table;
  for (std::uint32_t d = 0; d < p.devices.size(); ++d) {
    table.push_back(d);
    if (!devices.contains(d)) continue;
    const auto target = meant(homes, d, once);
    if (!target) return {};
    table.back() = *target;
  }
  const auto own = [&](std::uint32_t d) { return table[d] == d; };
  if (std::ranges::all_of(devices, own)) return Whose{};
  const auto number = static_cast<std::uint32_t>(std::ranges::find(p.whose, table) - p.whose.begin());
  if (number == p.whose.size()) p.whose.push_back(std::move(table));
  return Whose{Scope::table, number};
}

void FileCompiler::set_scopes() {
  const bool several = program_->several();
  const DeviceSet once = several ? this->once() : DeviceSet{};
  // For code that runs for `devices`; false: it isn't clear whose.
  const auto set = [&](EntityKind kind, std::uint32_t index, Scope& scope, std::uint32_t& owner, const DeviceSet& devices) {
    if (scope != Scope::binding) return true;
    const auto& list = entities_.specs[static_cast<std::size_t>(kind)];
    if (index >= list.size()) return true;
    scope = list[index].scope;
    owner = list[index].module;
    if (scope != Scope::binding || !several) return true;
    const auto found = whose(homes_.of(kind, index), devices, once);
    if (found) {
      scope = found->scope;
      owner = found->owner;
    }
    return found.has_value();
  };
  const auto set_operand = [&](Operand& o, const DeviceSet& devices) {
    if (o.kind == Operand::Kind::element) o.scope = Scope::world;
    if (o.kind != Operand::Kind::entity || o.entity == EntityKind::none) return true;
    return set(o.entity == EntityKind::field ? EntityKind::allocation : o.entity, o.index, o.scope, o.owner, devices);
  };
  const auto set_term = [&](Term& t, const DeviceSet& devices) {
    return t.kind != Term::Kind::pointer || set(EntityKind::allocation, static_cast<std::uint32_t>(t.constant), t.scope, t.owner, devices);
  };
  const auto unclear = [&](const Function& f, const Instruction& i, EntityKind kind, std::uint32_t index, const DeviceSet& devices) {
    const EntityKind of = kind == EntityKind::field ? EntityKind::allocation : kind;
    const std::string& name = entities_.specs[static_cast<std::size_t>(of)][index].name;
    const Node step = i.site < site_nodes_.size() ? site_nodes_[i.site] : Node{};
    if (!step) return;
    const DeviceSet& homes = homes_.of(of, index);
    const bool again = homes.size() == 1;
    name_in(step, name)
        .error(reader_.out(), fmt::format("'{}' of which {}?", name, again ? "binding" : "device"),
               fmt::format("a pointer that leads to the one meant: '{}' runs for {}, and '{}' is made for {}{}", f.name,
                           names_of(*program_, devices), name, names_of(*program_, homes), again ? ", which is bound more than once" : ""));
  };
  static const DeviceSet nobody;
  for (Function& f : program_->functions) {
    const auto number = static_cast<std::size_t>(&f - program_->functions.data());
    const DeviceSet& devices = several ? homes_.functions[number] : nobody;
    for (Instruction& i : f.code) {
      for (Operand* o : {&i.operand, &i.second})
        if (!set_operand(*o, devices)) unclear(f, i, o->entity, o->index, devices);
      std::vector<Term*> terms{&i.value.left, &i.value.right, &i.old.left, &i.old.right, &i.condition.right};
      for (auto& [local, v] : i.arguments) terms.insert(terms.end(), {&v.left, &v.right});
      for (Term* t : terms)
        if (!set_term(*t, devices)) unclear(f, i, EntityKind::allocation, static_cast<std::uint32_t>(t->constant), devices);
    }
  }
  for (TaskSpec& t : program_->tasks) (void)set_operand(t.first_open, {0});
  for (std::size_t k = 0; k < entities_.specs.size(); ++k)
    for (EntitySpec& e : entities_.specs[k]) {
      const auto index = static_cast<std::uint32_t>(&e - entities_.specs[k].data());
      const DeviceSet& devices = several ? homes_.of(static_cast<EntityKind>(k), index) : nobody;
      for (auto& [key, o] : e.things) {
        if (set_operand(o, devices)) continue;
        const auto declared = entities_.by_name.find(e.name);
        const Node step = declared == entities_.by_name.end() ? Node{} : declared->second.step;
        if (step) of_which(name_in(step, o.name), o.name, homes_.of(o.entity, o.index));
      }
    }
}

std::optional<std::uint32_t> FileCompiler::take_owner(std::string& text) const {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0) return {};
  const auto& devices = program_->devices;
  const std::string owner = text.substr(0, slash);
  auto named = std::ranges::find(devices, owner, &DeviceSpec::name);
  // A module's only device goes by the module's name if it has none of its own.
  if (named == devices.end())
    named = std::ranges::find_if(devices, [&](const DeviceSpec& d) { return d.name.empty() && program_->modules[d.module].name == owner; });
  if (named == devices.end()) return {};
  text.erase(0, slash + 1);
  return static_cast<std::uint32_t>(named - devices.begin());
}

bool FileCompiler::owner_of(std::string& text, EntityKind kind, Node at, Operand& into) const {
  const Program& p = *program_;
  if (!p.several()) return true;
  const std::string written = text;
  const auto device = take_owner(text);
  if (device) {
    into.scope = Scope::device;
    into.owner = *device;
  }
  const auto found = entities_.by_name.find(text);
  if (found == entities_.by_name.end() || found->second.kind != kind || found->second.scope == Scope::world) return true;
  const DeviceSet& homes = homes_.of(kind, found->second.index);
  if (device) {
    if (homes.empty() || homes.contains(*device)) return true;
    // A module's name before what is made for its only device: there is nothing else that it could mean.
    if (homes.size() == 1 && !p.devices[*device].real && p.devices[*homes.begin()].module == p.devices[*device].module) {
      into.owner = *homes.begin();
      return true;
    }
    std::vector<std::string> choices;
    for (const std::uint32_t d : homes) choices.push_back(path_of(p, d) + "/" + text);
    at.error(reader_.out(), fmt::format("{} has no {} '{}'", name_of(p, *device), name(kind), text),
             fmt::format("one that is made for it; '{}' is made for {}: {}", text, names_of(p, homes), join(choices)),
             choices.size() == 1 ? choices.front() : nearest_word(written, choices));
    return false;
  }
  if (homes.size() == 1) {
    into.scope = Scope::device;
    into.owner = *homes.begin();
    return true;
  }
  std::vector<std::string> choices;
  for (const std::uint32_t d : homes) choices.push_back(path_of(p, d) + "/" + text);
  if (choices.empty()) return true;  // nothing makes it: a warning of its own
  at.error(reader_.out(), fmt::format("'{}' of which device?", text), fmt::format("one of: {}", join(choices)));
  return false;
}

}  // namespace unplug::scenarios

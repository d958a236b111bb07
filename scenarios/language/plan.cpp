// Devices, loadings, bindings and stages of removal by number.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/file/removal_ways.hpp"
#include "unplug/scenarios/language/file_compiler.hpp"

namespace unplug::scenarios {
namespace {

// A module that has code outside of its devices, or things that several of them share, stands for itself.
bool stands_alone(const Roster& r, std::uint32_t module) {
  return r.modules[module].has_init || std::ranges::count(r.devices, module, &Roster::Device::module) != 1;
}

// Where "removal" names what is written to.
Node stage_of(Node removal, std::string_view target) {
  if (removal.is(Node::Kind::object))
    if (const Node n = removal.find("sysfs_write"); n.is(Node::Kind::string) && n.string() == target) return n;
  for (std::size_t i = 0; removal.is(Node::Kind::array) && i < removal.size(); ++i)
    if (const Node n = stage_of(removal.at(i), target)) return n;
  return {};
}

}  // namespace

void FileCompiler::make_devices() {
  if (roster_.modules.empty()) return;
  Program& p = *program_;
  p.modules.assign(roster_.modules.size(), {});
  p.devices.clear();
  for (std::uint32_t i = 0; i < roster_.modules.size(); ++i) {
    p.modules[i].name = roster_.modules[i].name;
    p.modules[i].depends = roster_.modules[i].depends;
    if (stands_alone(roster_, i)) p.devices.push_back({.name = roster_.modules[i].name, .module = i, .real = false});
  }
  for (std::size_t i = 0; i < roster_.devices.size(); ++i) real_devices_.push_back(static_cast<std::uint32_t>(p.devices.size() + i));
  for (const Roster::Device& d : roster_.devices) {
    DeviceSpec spec{.name = d.name, .module = d.module};
    if (d.parent) spec.parent = real_devices_[*d.parent];
    for (const std::uint32_t s : d.suppliers) spec.suppliers.push_back(real_devices_[s]);
    // Those that a driver may add have to be found by its steps.
    if (d.parent)
      entities_.by_name[d.name] = {EntityKind::device, static_cast<std::uint32_t>(p.devices.size()), d.node.position(), {}, Scope::world};
    p.devices.push_back(std::move(spec));
  }
}

void FileCompiler::plan() {
  Program& p = *program_;
  std::vector<std::uint32_t> current, loads;  // by device: its binding; by module: its loading
  p.loads.clear();
  p.bindings.clear();
  p.stages.clear();
  for (std::uint32_t i = 0; i < p.modules.size(); ++i) {
    const bool depends = std::ranges::any_of(p.modules[i].depends, [&](std::uint32_t on) { return !p.loads[on].from_start; });
    p.loads.push_back({i, p.modules[i].init == UINT32_MAX && !depends});
    loads.push_back(i);
  }
  for (std::uint32_t i = 0; i < p.devices.size(); ++i) {
    p.bindings.push_back({i, p.devices[i].module});
    current.push_back(i);
  }
  for (const RemovalStage& s : p.removal) plan_stage(s, current, loads);
  const auto again = [&](const Program::Bound& b) { return &b >= p.bindings.data() + p.devices.size(); };
  for (const Program::Bound& b : p.bindings)
    for (std::uint32_t i = 0; again(b) && i < p.devices.size(); ++i)
      if (p.devices[i].added && p.devices[i].parent == b.device)
        document_.root()
            .find("devices")
            .find(p.devices[i].name)
            .error(reader_.out(), "a device that a driver adds, which is bound again",
                   "ways of removal without bind and insmod of its parent's");
}

void FileCompiler::plan_stage(const RemovalStage& stage, std::vector<std::uint32_t>& current, std::vector<std::uint32_t>& loads) {
  using enum RemovalStage::Kind;
  Program& p = *program_;
  const StageTarget target = target_of(stage, roster_);
  if (stage.of_module() ? !target.module : !target.device) return;  // said when the ways were read
  PlannedStage out{.kind = stage.kind};
  const auto bind_to = [&](std::uint32_t device) {
    current[device] = static_cast<std::uint32_t>(p.bindings.size());
    p.bindings.push_back({device, loads[p.devices[device].module]});
  };
  if (stage.of_module()) {
    const std::uint32_t module = *target.module;
    if (stage.kind == insmod) {
      loads[module] = static_cast<std::uint32_t>(p.loads.size());
      p.loads.push_back({module, false});
    }
    out.load = loads[module];
    std::optional<std::uint32_t> alone;
    for (std::uint32_t i = 0; i < p.devices.size(); ++i) {
      if (p.devices[i].module != module) continue;
      const bool gone = std::ranges::any_of(p.stages, [&](const PlannedStage& s) {
        return (s.kind == unplug || s.kind == pci_remove || s.kind == usb_disconnect) && p.bindings[s.binding].device == i;
      });
      if (stage.kind == insmod && !gone && !p.devices[i].added) bind_to(i);
      if (!p.devices[i].real) alone = current[i];
      if (p.devices[i].real && (stage.kind == rmmod || (!gone && !p.devices[i].added))) out.bindings.push_back(current[i]);
    }
    out.binding = alone ? *alone : out.bindings.empty() ? 0 : out.bindings.front();
    if (stage.kind == rmmod) std::ranges::reverse(out.bindings);  // driver_detach(): the last bound first
    out.probed = static_cast<std::uint32_t>(std::ranges::count_if(p.devices, [](const DeviceSpec& d) { return d.real && !d.added; }));
  } else {
    const std::uint32_t device = real_devices_[*target.device];
    if (stage.kind == bind) bind_to(device);
    out.binding = current[device];
    std::uint32_t root = device;
    while (p.devices[root].added) root = p.devices[root].parent;
    for (std::uint32_t i = 0; i <= root; ++i) out.probed += p.devices[i].real && !p.devices[i].added ? 1 : 0;
    if (stage.kind == sysfs_write) {
      const auto& attributes = entities_.specs[static_cast<std::size_t>(EntityKind::attribute)];
      const auto found = std::ranges::find(attributes, target.attribute, &EntitySpec::name);
      out.attribute = static_cast<std::uint32_t>(found - attributes.begin());
      if (found == attributes.end()) {
        no_such_thing(entities_, reader_.out(), stage_of(document_.root().find("run").find("removal"), stage.target), target.attribute,
                      EntityKind::attribute);
      } else if (const auto whose = p.several() ? meant(homes_.of(EntityKind::attribute, out.attribute), device, once()) : device) {
        out.binding = current[*whose];
      } else {
        of_which(stage_of(document_.root().find("run").find("removal"), stage.target), target.attribute,
                 homes_.of(EntityKind::attribute, out.attribute));
      }
    }
  }
  p.stages.push_back(std::move(out));
}

}  // namespace unplug::scenarios

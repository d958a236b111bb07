#include "unplug/scenarios/file/roster.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"

namespace unplug::scenarios {
namespace {

// Each has all that the file declares for itself; and links have a word for all of them (model::DeviceLinks).
constexpr std::size_t most = 16;

// Says so once.
bool too_many(std::size_t n, Node at, std::string_view what, Diagnostics& out) {
  if (n == most) at.error(out, fmt::format("more than {} {}", most, what));
  return n >= most;
}

template <class T> std::optional<std::uint32_t> find(const std::vector<T>& list, const std::string& name) {
  if (name.empty() && list.size() == 1) return 0;
  const auto found = std::ranges::find(list, name, &T::name);
  if (found == list.end() || name.empty()) return {};
  return static_cast<std::uint32_t>(found - list.begin());
}

template <class T> std::vector<std::string> names(const std::vector<T>& list) {
  std::vector<std::string> out;
  for (const T& t : list)
    if (!t.name.empty()) out.push_back(t.name);
  return out;
}

// The word at `n`, as the number of one of `list`; reports what is wrong with it.
template <class T> std::optional<std::uint32_t> one_of(const std::vector<T>& list, Node n, std::string_view what, Diagnostics& out) {
  const std::vector<std::string> known = names(list);
  if (!n.is(Node::Kind::string)) {
    n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), fmt::format("the name of a {}", what));
    return {};
  }
  if (const auto found = std::ranges::find(known, n.string()); found != known.end())
    return static_cast<std::uint32_t>(found - known.begin());
  n.error(out, fmt::format("no {} '{}' before this", what, n.string()), which(known, "it has to stand before who names it"),
          nearest_word(n.string(), known));
  return {};
}

template <class T> std::vector<std::uint32_t> several_of(const std::vector<T>& list, Node n, std::string_view what, Diagnostics& out) {
  std::vector<std::uint32_t> found;
  if (n && !n.is(Node::Kind::array)) n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), fmt::format("an array of {}s", what));
  for (std::size_t i = 0; n.is(Node::Kind::array) && i < n.size(); ++i)
    if (const auto one = one_of(list, n.at(i), what, out); one && std::ranges::find(found, *one) == found.end()) found.push_back(*one);
  return found;
}

void read_modules(Node root, Roster& r, Diagnostics& out) {
  const Node modules = root.find("modules"), functions = root.find("functions");
  for (std::size_t i = 0; modules.is(Node::Kind::object) && i < modules.size(); ++i) {
    const Node m = modules.at(i);
    if (too_many(i, modules, "modules", out)) return;
    Roster::Module module{std::string(modules.key(i)), m, {}, false, false};
    if (m.is(Node::Kind::object)) {
      module.depends = several_of(r.modules, m.find("depends"), "module", out);
      module.has_init = static_cast<bool>(m.find("init"));
      module.has_probe = m.find("probe") || (functions.is(Node::Kind::object) && functions.find(module.name + "_probe"));
    }
    r.modules.push_back(std::move(module));
  }
}

void read_device(Node devices, std::size_t i, Roster& r, Diagnostics& out) {
  const Node n = devices.at(i);
  if (too_many(i, devices, "devices", out)) return;
  Roster::Device device{std::string(devices.key(i)), n, 0, {}, {}};
  if (!check_keys(n, {"driver", "parent", "suppliers"}, {}, "a device", out)) return;
  if (device.name.empty() || device.name.find('/') != std::string::npos || r.module(device.name)) {
    devices.key_node(i).error(out, fmt::format("a device called '{}'", device.name), "a name without '/', and no module's");
    return;
  }
  const auto drivers = std::ranges::count(r.modules, true, &Roster::Module::has_probe);
  if (const Node driver = n.find("driver")) {
    const auto module = one_of(r.modules, driver, "module", out);
    if (!module) return;
    device.module = *module;
  } else if (drivers != 1) {
    n.error(out, fmt::format("no driver for device '{}'", device.name), "\"driver\": the module whose probe binds to it");
    return;
  } else {
    device.module = static_cast<std::uint32_t>(std::ranges::find(r.modules, true, &Roster::Module::has_probe) - r.modules.begin());
  }
  if (!r.modules[device.module].has_probe) {
    n.error(out, fmt::format("module '{}' has no probe function", r.modules[device.module].name), "the module whose probe binds to it");
    return;
  }
  if (const Node parent = n.find("parent")) device.parent = one_of(r.devices, parent, "device", out);
  device.suppliers = several_of(r.devices, n.find("suppliers"), "device", out);
  std::size_t links = 0;
  for (const Roster::Device& d : r.devices) links += d.suppliers.size();
  if (links <= most && links + device.suppliers.size() > most)
    n.find("suppliers").error(out, fmt::format("more than {} device links", most));
  r.devices.push_back(std::move(device));
}

}  // namespace

std::string which(const std::vector<std::string>& names, std::string_view none) {
  return names.empty() ? std::string(none) : fmt::format("one of: {}", join(names));
}

std::optional<std::uint32_t> Roster::device(const std::string& name) const { return find(devices, name); }
std::optional<std::uint32_t> Roster::module(const std::string& name) const { return find(modules, name); }
std::vector<std::string> Roster::device_names() const { return names(devices); }
std::vector<std::string> Roster::module_names() const { return names(modules); }

std::optional<std::uint32_t> Roster::module_of_function(const std::string& function) const {
  if (modules.size() <= 1) return 0;
  std::optional<std::uint32_t> best;
  for (std::uint32_t i = 0; i < modules.size(); ++i) {
    const Node listed = modules[i].node.is(Node::Kind::object) ? modules[i].node.find("functions") : Node{};
    for (std::size_t k = 0; listed.is(Node::Kind::array) && k < listed.size(); ++k)
      if (listed.at(k).is(Node::Kind::string) && listed.at(k).string() == function) return i;
    if (function.starts_with(modules[i].name + "_") && (!best || modules[i].name.size() > modules[*best].name.size())) best = i;
  }
  return best;
}

Roster read_roster(Node root, Diagnostics& out) {
  Roster r;
  read_modules(root, r, out);
  const Node devices = root.find("devices"), modules = root.find("modules");
  for (std::size_t i = 0; devices.is(Node::Kind::object) && i < devices.size(); ++i) read_device(devices, i, r, out);
  if (devices || r.modules.empty()) return r;
  // One device, of the module that has a driver.
  const auto drives = std::ranges::find(r.modules, true, &Roster::Module::has_probe);
  if (std::ranges::count(r.modules, true, &Roster::Module::has_probe) > 1)
    modules.error(out, "several modules with a probe, and no devices", "\"devices\": names of devices, and who drives them");
  if (drives == r.modules.end() && std::ranges::any_of(r.modules, &Roster::Module::has_init)) return r;  // it does all in init()
  r.devices.push_back({{}, modules, drives == r.modules.end() ? 0 : static_cast<std::uint32_t>(drives - r.modules.begin()), {}, {}});
  return r;
}

}  // namespace unplug::scenarios

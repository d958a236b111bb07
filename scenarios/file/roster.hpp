// Which modules and devices a scenario file has, and who drives what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios {

struct Roster {
  struct Module {
    std::string name;
    Node node;
    std::vector<std::uint32_t> depends;
    bool has_probe = false, has_init = false;
  };
  struct Device {
    std::string name;  // empty: the only one, which the file says nothing about
    Node node;
    std::uint32_t module = 0;
    std::optional<std::uint32_t> parent;  // before it in the list, as are its suppliers
    std::vector<std::uint32_t> suppliers;
  };
  std::vector<Module> modules;
  std::vector<Device> devices;

  // The device or the module of that name; an empty name is that of the only one. None: there is no such, or it isn't clear which.
  [[nodiscard]] std::optional<std::uint32_t> device(const std::string& name) const;
  [[nodiscard]] std::optional<std::uint32_t> module(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> device_names() const;
  [[nodiscard]] std::vector<std::string> module_names() const;
  // The module whose function that is, by its name or because the module lists it; none: nobody's.
  [[nodiscard]] std::optional<std::uint32_t> module_of_function(const std::string& function) const;
};

// Reads it from the sections "modules" and "devices"; what is wrong with them is reported, and left out.
[[nodiscard]] Roster read_roster(Node root, Diagnostics& out);

// What there is of a kind, for messages: "foo0, foo1".
[[nodiscard]] std::string which(const std::vector<std::string>& names, std::string_view none);

}  // namespace unplug::scenarios

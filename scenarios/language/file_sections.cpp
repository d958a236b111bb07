// The sections of a scenario file besides its functions: kernel, modules. ("run": task_section.cpp.)
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"

namespace unplug::scenarios {
void FileCompiler::read_kernel() {
  Diagnostics& out = reader_.out();
  model::KernelConfig& k = program_->kernel;
  const Node kernel = document_.root().find("kernel");
  if (!kernel.is(Node::Kind::object)) return;
  if (const Node n = kernel.find("version")) {
    if (const auto v = reader_.text(n, "a kernel version such as \"6.18\"")) k.version = *v;
  }
  if (const Node n = kernel.find("PREEMPT_RCU")) {
    if (const auto v = reader_.boolean(n, "true or false")) k.preempt_rcu = *v;
  }
  if (const Node n = kernel.find("HZ")) {
    const auto v = reader_.integer(n, INT64_MIN, INT64_MAX, "100, 250, 300 or 1000");
    if (v && (*v == 100 || *v == 250 || *v == 300 || *v == 1000)) {
      k.hz = static_cast<std::uint32_t>(*v);
    } else if (v) {
      n.error(out, fmt::format("no kernel has a HZ of {}", *v), "100, 250, 300 or 1000");
    }
  }
  if (const Node n = kernel.find("cpus")) {
    if (const auto v = reader_.integer(n, 1, 4096, "a number of CPUs")) k.cpus = static_cast<std::uint32_t>(*v);
  }
  if (const Node n = kernel.find("grace_periods")) {
    const auto v = reader_.text(n, "idle, busy, pathological or idle-one-cpu");
    const std::vector<std::string> names{"idle", "busy", "pathological", "idle-one-cpu"};
    const auto found = v ? std::ranges::find(names, *v) : names.end();
    if (v && found == names.end())
      n.error(out, fmt::format("no preset '{}'", *v), "idle, busy, pathological or idle-one-cpu", nearest_word(*v, names));
    if (v && found != names.end()) k.grace_periods = static_cast<model::GracePeriodPreset>(found - names.begin());
  }
  if (const Node n = kernel.find("grace_period")) {
    if (const auto v = reader_.duration(n)) k.grace_period = *v;
  }
  const auto flag = [&](std::string_view key, bool& into) {
    if (const Node n = kernel.find(key))
      if (const auto v = reader_.boolean(n, "true or false")) into = *v;
  };
  flag("unload_grace_period", k.unload_grace_period);
  flag("private_data_first", k.private_data_first);
  flag("lazy_vunmap_flush", k.lazy_vunmap_flush);
  flag("DEBUG_SHIRQ", k.debug_shirq);
  flag("keventd", program_->keventd);
  flag("irq_is_rcu_reader", program_->watch_interrupts);
  if (kernel.find("irq_is_rcu_reader")) k.irq_is_rcu_reader = program_->watch_interrupts;
  if (const Node n = kernel.find("iommu")) {
    const auto v = reader_.text(n, "none, lazy or strict");
    const std::vector<std::string> names{"none", "lazy", "strict"};
    const auto found = v ? std::ranges::find(names, *v) : names.end();
    if (v && found == names.end()) n.error(out, fmt::format("no iommu '{}'", *v), "none, lazy or strict", nearest_word(*v, names));
    if (v && found != names.end()) k.iommu = static_cast<model::Iommu>(found - names.begin());
  }
}

void FileCompiler::read_modules() {
  for (std::uint32_t i = 0; i < roster_.modules.size(); ++i) read_module(i);
}

void FileCompiler::read_module(std::uint32_t number) {
  ModuleSpec& spec = program_->modules[number];
  const auto by_name = [&](std::string_view key, std::string_view suffix, std::uint32_t& into) {
    if (const Node n = of_module(number, key)) {
      if (const auto f = function(n)) into = *f;
    } else if (const auto f = function_numbers_.find(spec.name + std::string(suffix)); f != function_numbers_.end()) {
      into = f->second;
    }
  };
  by_name("probe", "_probe", spec.probe);
  by_name("remove", "_remove", spec.remove);
  by_name("exit", "_exit", spec.exit);
  if (const Node n = of_module(number, "init"))
    if (const auto f = function(n)) spec.init = *f;
  if (const Node n = of_module(number, "post_unbind"))
    if (const auto f = function(n)) spec.post_unbind = *f;
  if (spec.probe == UINT32_MAX && spec.init == UINT32_MAX && roster_.modules.size() == 1)
    roster_.modules[number].node.error(reader_.out(), fmt::format("module '{}' has no probe function", spec.name),
                                       fmt::format("\"probe\": FUNCTION, or a function named '{}_probe'", spec.name));
}

}  // namespace unplug::scenarios

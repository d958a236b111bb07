// The sections of a scenario file besides its functions: kernel, modules, run.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/language/compiler.hpp"

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
    const auto v = reader_.integer(n, 100, 1000, "100, 250, 300 or 1000");
    if (v && (*v == 100 || *v == 250 || *v == 300 || *v == 1000)) {
      k.hz = static_cast<std::uint32_t>(*v);
    } else if (v) {
      n.error(out, fmt::format("no kernel has HZ={}", *v), "100, 250, 300 or 1000");
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
  if (const Node n = kernel.find("unload_grace_period")) {
    if (const auto v = reader_.boolean(n, "true or false")) k.unload_grace_period = *v;
  }
}

void FileCompiler::read_module() {
  Diagnostics& out = reader_.out();
  const Node modules = document_.root().find("modules");
  if (!modules.is(Node::Kind::object) || modules.size() != 1) return;
  program_->module = std::string(modules.key(0));
  const Node m = modules.at(0);
  if (!m.is(Node::Kind::object)) return;
  const auto by_name = [&](std::string_view key, std::string_view suffix, std::uint32_t& into) {
    if (const Node n = m.find(key)) {
      if (const auto f = function(n)) into = *f;
    } else if (const auto f = function_numbers_.find(program_->module + std::string(suffix)); f != function_numbers_.end()) {
      into = f->second;
    }
  };
  by_name("probe", "_probe", program_->probe);
  by_name("remove", "_remove", program_->remove);
  by_name("exit", "_exit", program_->exit);
  if (program_->probe == UINT32_MAX)
    m.error(out, fmt::format("module '{}' has no probe function", program_->module),
            fmt::format("\"probe\": FUNCTION, or a function named '{}_probe'", program_->module));
  const Node fops = m.find("fops");
  if (!fops.is(Node::Kind::object)) return;
  const auto operation = [&](std::string_view key, std::uint32_t& into) {
    if (const Node n = fops.find(key); n && !n.is(Node::Kind::null)) {
      if (const auto f = function(n)) into = *f;
    }
  };
  operation("open", program_->open);
  operation("unlocked_ioctl", program_->ioctl);
  operation("release", program_->release);
  const Node owner = fops.find("owner");
  if (!owner) {
    entities_.defaults_taken.emplace_back("fops.owner as the policy's pin says (\"owner\": \"policy\")");
  } else if (reader_.value(owner).is(Node::Kind::null)) {
    program_->owner = FopsOwner::null;
  } else if (const auto who = reader_.text(owner, "the module's name, null, or \"policy\"")) {
    if (*who == "policy") {
      program_->owner = FopsOwner::policy;
    } else if (*who == program_->module) {
      program_->owner = FopsOwner::module;
    } else {
      owner.error(out, fmt::format("'{}' is no module of this file", *who),
                  fmt::format("\"{}\", null, or \"policy\" (as the policy's pin says)", program_->module));
    }
  }
}

void FileCompiler::read_run() {
  const Node run = document_.root().find("run");
  if (!run.is(Node::Kind::object)) return;
  if (const Node n = run.find("cpus")) {
    if (const auto v = reader_.integer(n, 1, 4096, "a number of CPUs")) program_->kernel.cpus = static_cast<std::uint32_t>(*v);
  }
  program_->removal_spread = 100 * sim::millisecond;
  if (const Node n = run.find("removal_after")) {
    if (const auto v = reader_.duration_range(n)) {
      program_->removal_from = v->first;
      program_->removal_spread = v->second;
    }
  } else if (!program_->removal.empty()) {
    entities_.defaults_taken.emplace_back("under `timed`, removal starts within 100 ms of the binding (\"removal_after\")");
  }
  if (const Node n = run.find("remove_bound")) {
    if (const auto v = reader_.duration(n)) program_->remove_bound = *v;
  }
  const Node tasks = run.find("tasks"), threads = run.find("threads");
  for (std::size_t i = 0; tasks.is(Node::Kind::object) && i < tasks.size(); ++i) read_task(std::string(tasks.key(i)), tasks.at(i));
  for (std::size_t i = 0; threads.is(Node::Kind::object) && i < threads.size(); ++i)
    read_thread(std::string(threads.key(i)), threads.at(i));
}

void FileCompiler::read_task(const std::string& name, Node task) {
  Diagnostics& out = reader_.out();
  if (!task.is(Node::Kind::object)) return;
  TaskSpec spec;
  spec.role = name;
  std::int64_t count = 1;
  if (const Node n = task.find("count")) {
    const auto v = reader_.integer(n, 1, 64, "how many tasks of this kind");
    if (v) count = *v;
  }
  if (const Node n = task.find("within")) {
    if (const auto v = reader_.duration(n)) spec.start_spread = *v;
  }
  if (const Node raise = task.find("raise")) {
    spec.kind = TaskSpec::Kind::hardware;
    spec.times = 1;
    if (const Node n = task.find("times")) {
      if (const auto v = reader_.integer(n, 1, 1000, "how often the interrupt arrives at most"))
        spec.times = static_cast<std::uint32_t>(*v);
    }
    if (!task.find("within")) spec.start_spread = 50 * sim::millisecond;
    const auto line = reader_.text(raise, "the name of an interrupt");
    if (!line) return;
    const auto found = entities_.by_name.find(*line);
    if (found == entities_.by_name.end() || found->second.kind != EntityKind::irq) {
      std::vector<std::string> names;
      for (const auto& [k, e] : entities_.by_name)
        if (e.kind == EntityKind::irq) names.push_back(k);
      raise.error(out, fmt::format("no interrupt '{}'", *line), "one that devm_request_irq or request_irq declares",
                  nearest_word(*line, names));
      return;
    }
    spec.irq = found->second.index;
  } else if (const Node steps = task.find("do")) {
    FunctionCompiler f(*this, name, CodeKind::task);
    spec.function = f.run(steps, {});
    spec.files = f.descriptors();
    if (f.first_node) spec.first_node = *f.first_node;
  } else {
    task.error(out, fmt::format("task '{}' does nothing", name), "\"do\": steps, or \"raise\": an interrupt");
    return;
  }
  add_tasks(std::move(spec), name, count, false, task);
}

void FileCompiler::add_tasks(TaskSpec spec, const std::string& name, std::int64_t count, bool numbered, Node at) {
  const std::size_t before = program_->tasks.size();
  for (std::int64_t k = 0; k < count; ++k) {
    if (program_->tasks.size() == most_tasks) {
      if (before != most_tasks) at.error(reader_.out(), fmt::format("more than {} tasks", most_tasks));
      return;
    }
    spec.name = count == 1 ? name : fmt::format("{}.{}", name, k);
    if (numbered) spec.number = static_cast<std::uint64_t>(k);
    program_->tasks.push_back(spec);
  }
}

}  // namespace unplug::scenarios

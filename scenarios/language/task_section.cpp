// The section "run": the tasks of user space and of the hardware, and on which CPUs interrupts come.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/language/in_member.hpp"

namespace unplug::scenarios {

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
  if (const Node n = run.find("fail_probe")) {
    if (const auto v = reader_.integer(n, 0, 16, "how many calls of a probe fail for want of memory")) {
      program_->kernel.faults = static_cast<std::uint32_t>(*v);
      program_->kernel.fault_task_filter = true;
    }
  }
  if (const Node n = run.find("remove_bound")) {
    if (const auto v = reader_.duration(n)) program_->remove_bound = *v;
  }
  read_shared_descriptors(run.find("shared_descriptors"));
  const Node tasks = run.find("tasks"), threads = run.find("threads");
  for (std::size_t i = 0; tasks.is(Node::Kind::object) && i < tasks.size(); ++i)
    if (takes_part(tasks.at(i))) read_task(std::string(tasks.key(i)), tasks.at(i));
  resolve_forks();
  for (std::size_t i = 0; threads.is(Node::Kind::object) && i < threads.size(); ++i)
    if (takes_part(threads.at(i))) read_thread(std::string(threads.key(i)), threads.at(i));
  if (tasks.is(Node::Kind::object)) read_cpus(tasks);
}

bool FileCompiler::takes_part(Node task) {
  if (is_in_member(task, variant_.parameters)) return true;
  program_->leaves_tasks_out = true;
  return false;
}

// On whose CPU interrupts come: tasks may name later ones.
void FileCompiler::read_cpus(Node tasks) {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Node n = tasks.at(i).is(Node::Kind::object) ? tasks.at(i).find("cpu") : Node{};
    const auto who = n ? reader_.text(n, "a task") : std::nullopt;
    if (!who) continue;
    std::vector<std::string> names{"probe", "remove"};
    for (const TaskSpec& t : program_->tasks)
      if (t.kind == TaskSpec::Kind::user) names.push_back(t.name);
    if (std::ranges::find(names, *who) == names.end()) {
      n.error(reader_.out(), fmt::format("no task '{}'", *who), fmt::format("one of: {}", join(names)), nearest_word(*who, names));
      continue;
    }
    const auto at = std::ranges::find(program_->tasks, *who, &TaskSpec::name);
    for (TaskSpec& t : program_->tasks)
      if (t.role == tasks.key(i))
        t.cpu = *who == "probe"    ? TaskSpec::cpu_probe
                : *who == "remove" ? TaskSpec::cpu_remove
                                   : static_cast<std::uint32_t>(at - program_->tasks.begin());
  }
}

// Registers by which devices are told to interrupt, known before the functions that write them are compiled.
void FileCompiler::find_switches() {
  const Node run = document_.root().find("run");
  const Node tasks = run.is(Node::Kind::object) ? run.find("tasks") : Node{};
  for (std::size_t i = 0; tasks.is(Node::Kind::object) && i < tasks.size(); ++i) {
    const Node n = tasks.at(i).is(Node::Kind::object) ? tasks.at(i).find("enabled_by") : Node{};
    const auto name = n ? reader_.text(n, "a register: \"bar0.IMR\"") : std::nullopt;
    if (!name) continue;
    const std::string mapping = name->substr(0, name->find('.'));
    const auto found = entities_.by_name.find(mapping);
    if (found == entities_.by_name.end() || found->second.kind != EntityKind::mapping || mapping == *name) {
      if (mapping == *name) {
        n.error(reader_.out(), fmt::format("'{}' names no register", *name), "MAPPING.REGISTER, such as \"bar0.IMR\"");
      } else {
        no_such_thing(entities_, reader_.out(), n, mapping, EntityKind::mapping, {}, std::string_view(*name).substr(mapping.size()));
      }
    } else if (std::ranges::find(program_->switches, *name) == program_->switches.end()) {
      constexpr std::size_t most = 4;  // model::mask_at_device()
      if (program_->switches.size() == most) n.error(reader_.out(), fmt::format("more than {} registers that let devices interrupt", most));
      program_->switches.push_back(*name);
    }
  }
  const auto& mappings = entities_.specs[static_cast<std::size_t>(EntityKind::mapping)];
  for (HardwareSpec::Register& r : program_->hardware.registers)
    if (const auto s = std::ranges::find(program_->switches, mappings[r.mapping].name + "." + r.name); s != program_->switches.end())
      r.masks = static_cast<std::uint32_t>(s - program_->switches.begin());
}

std::uint32_t FileCompiler::forked_by(Node parent, FunctionCompiler& child) {
  const auto name = reader_.text(parent, "the name of a task");
  const auto found = name ? task_names_.find(*name) : task_names_.end();
  if (found == task_names_.end()) {
    if (name) parent.error(reader_.out(), fmt::format("no task '{}' before this one", *name), "a task of user space that stands before it");
    return UINT32_MAX;
  }
  // It has what the parent has, under the same names.
  child.files.names = found->second.first;
  child.mappings.names = found->second.second;
  const auto task = std::ranges::find(program_->tasks, *name, &TaskSpec::role);
  return static_cast<std::uint32_t>(task - program_->tasks.begin());
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
    auto line = reader_.text(raise, "the name of an interrupt");
    if (!line) return;
    Operand whose;
    if (!owner_of(*line, EntityKind::irq, raise, whose)) return;
    if (whose.scope == Scope::device) spec.device = whose.owner;
    const auto found = entities_.by_name.find(*line);
    if (found == entities_.by_name.end() || found->second.kind != EntityKind::irq) {
      no_such_thing(entities_, out, raise, *line, EntityKind::irq);
      return;
    }
    spec.irq = found->second.index;
    if (const Node n = task.find("enabled_by"))
      if (const auto r = reader_.text(n, "a register: \"bar0.IMR\""))
        spec.enabled_by = static_cast<std::uint32_t>(std::ranges::find(program_->switches, *r) - program_->switches.begin());
  } else if (const Node steps = task.find("do")) {
    FunctionCompiler f(*this, name, CodeKind::task);
    const auto number = static_cast<std::uint32_t>(program_->tasks.size());
    const std::size_t forks = forks_.size(), shared = shared_opened_.size();
    if (const Node parent = task.find("forked_by")) spec.parent = forked_by(parent, f);
    spec.function = f.run(steps, {});
    spec.files = f.descriptors();
    spec.mappings = f.mappings.size();
    spec.epolls = f.epolls.size();
    spec.polls = f.polls;
    spec.first_open = f.first_open;
    task_names_[name] = {f.files.names, f.mappings.names};
    for (std::size_t i = forks; i < forks_.size(); ++i) {
      forks_[i].parent = number;
      forks_[i].function = spec.function;
    }
    if (count != 1 && (spec.parent != UINT32_MAX || forks_.size() != forks || shared_opened_.size() != shared))
      task.find("count").error(out, "several tasks that fork, are forked, or open what tasks share", "one of them: \"count\": 1, or none");
  } else {
    task.error(out, fmt::format("task '{}' does nothing", name), "\"do\": steps, or \"raise\": an interrupt");
    return;
  }
  for (const std::string_view key : {"cpu", "enabled_by"})
    if (const Node n = task.find(key); n && spec.irq == UINT32_MAX)
      n.error(out, fmt::format("'{}' of a task that raises no interrupt", key), "\"raise\" beside it");
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

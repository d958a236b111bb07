// What stands in tables of a scenario file: the driver's operations, the attributes of the driver itself, registers, descriptors that tasks
// share.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/file_compiler.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::array<std::string_view, 3> with_argument{"unlocked_ioctl", "read", "write"};

}  // namespace

Node FileCompiler::of_module(std::uint32_t number, std::string_view key) const {
  const Node n = roster_.modules[number].node;
  return n.is(Node::Kind::object) ? n.find(key) : Node{};
}

void FileCompiler::list_tables() {
  fops_names_ = {""};
  for (std::uint32_t i = 0; i < roster_.modules.size(); ++i) {
    program_->modules[i].fops = i == 0 ? 0 : static_cast<std::uint32_t>(fops_names_.size());
    if (i != 0) fops_names_.emplace_back();
    list_module_tables(i);
  }
}

void FileCompiler::list_module_tables(std::uint32_t module) {
  std::vector<Node> all{of_module(module, "fops")};
  if (const Node tables = of_module(module, "file_operations"); tables.is(Node::Kind::object)) {
    for (std::size_t i = 0; i < tables.size(); ++i) {
      fops_names_.emplace_back(tables.key(i));
      all.push_back(tables.at(i));
    }
  }
  // What user space hands over is a local of the function from its start.
  for (const Node t : all)
    for (const std::string_view op : with_argument)
      if (const Node n = t.is(Node::Kind::object) ? t.find(op) : Node{}; n.is(Node::Kind::string))
        parameters_[std::string(n.string())] = {"arg"};
  if (const Node tables = of_module(module, "vm_operations"); tables.is(Node::Kind::object))
    for (std::size_t i = 0; i < tables.size(); ++i) vm_ops_names_.emplace_back(tables.key(i));
  const Node groups = of_module(module, "dev_groups");
  for (std::size_t i = 0; groups.is(Node::Kind::object) && i < groups.size(); ++i) {
    auto& list = entities_.specs[static_cast<std::size_t>(EntityKind::attribute)];
    EntitySpec spec;
    spec.name = spec.member = std::string(groups.key(i));
    spec.module = module;
    if (const auto f = function(groups.at(i))) spec.function = *f;
    program_->modules[module].dev_groups.push_back(static_cast<std::uint32_t>(list.size()));
    entities_.by_name[spec.name] = {EntityKind::attribute, static_cast<std::uint32_t>(list.size()), groups.key_node(i).position()};
    list.push_back(std::move(spec));
  }
}

void FileCompiler::read_operations(Node table, std::string_view what, FopsSpec& into) {
  if (!table.is(Node::Kind::object)) return;
  for (std::size_t i = 0; i < file_ops; ++i)
    if (const Node n = table.find(file_op_names[i]); n && !n.is(Node::Kind::null))
      if (const auto f = function(n)) into.functions[i] = *f;
  const Node owner = table.find("owner");
  if (owner) return read_fops_owner(owner, into);
  entities_.defaults_taken.push_back(fmt::format("{}.owner as the policy's pin says (\"owner\": \"policy\")", what));
}

void FileCompiler::read_fops_owner(Node owner, FopsSpec& into) {
  if (reader_.value(owner).is(Node::Kind::null)) {
    into.owner = FopsOwner::null;
    return;
  }
  const auto who = reader_.text(owner, "the module's name, null, or \"policy\"");
  if (!who || *who == "policy") return;
  if (const auto module = roster_.module(*who); module && !who->empty()) {
    into.owner = FopsOwner::module;
    into.owning = *module;
    return;
  }
  std::string names;
  std::vector<std::string> words = roster_.module_names();
  for (const std::string& n : words) names += fmt::format("\"{}\", ", n);
  const std::string nearest = *who == "THIS_MODULE" && words.size() == 1 ? words.front() : std::string{};
  words.emplace_back("policy");
  owner.error(reader_.out(), fmt::format("'{}' is no module of this file", *who), names + "null, or \"policy\" (as the policy's pin says)",
              nearest.empty() ? nearest_word(*who, words) : nearest);
}

void FileCompiler::read_tables() {
  program_->hardware.presence =
      program_->hardware.presence || !program_->hardware.registers.empty() ||
      std::ranges::find(program_->removal, RemovalStage::Kind::unplug, &RemovalStage::kind) != program_->removal.end();
  for (std::uint32_t i = 0; i < roster_.modules.size(); ++i) {
    if (i != 0) program_->fops.emplace_back();
    program_->fops.back().module = i;
    read_operations(of_module(i, "fops"), "fops", program_->fops.back());
    const Node tables = of_module(i, "file_operations"), vm = of_module(i, "vm_operations");
    for (std::size_t k = 0; tables.is(Node::Kind::object) && k < tables.size(); ++k) {
      FopsSpec& t = program_->fops.emplace_back();
      t.name = fops_names_[program_->fops.size() - 1];
      t.module = i;
      read_operations(tables.at(k), t.name, t);
    }
    for (std::size_t k = 0; vm.is(Node::Kind::object) && k < vm.size(); ++k) {
      VmOpsSpec& v = program_->vm_ops.emplace_back();
      v.name = vm_ops_names_[program_->vm_ops.size() - 1];
      const auto set = [&](std::string_view key, std::uint32_t& into) {
        if (const Node n = vm.at(k).is(Node::Kind::object) ? vm.at(k).find(key) : Node{})
          if (const auto f = function(n)) into = *f;
      };
      set("open", v.open);
      set("close", v.close);
      set("fault", v.fault);
    }
  }
}

std::optional<std::uint32_t> FileCompiler::table(Node n, std::string_view what, const std::vector<std::string>& names) {
  const auto text = reader_.text(n, fmt::format("the name of a table under \"{}\" of the module", what));
  if (!text) return {};
  if (const auto found = std::ranges::find(names, *text); found != names.end() && !text->empty())
    return static_cast<std::uint32_t>(found - names.begin());
  n.error(reader_.out(), fmt::format("no table '{}'", *text),
          fmt::format("one listed under \"{}\" of the module{}", what, names.empty() || names.back().empty() ? "; there is none" : ""),
          nearest_word(*text, names));
  return {};
}

void FileCompiler::read_registers(Node regs, std::uint32_t mapping) {
  Diagnostics& out = reader_.out();
  if (!regs.is(Node::Kind::object)) {
    regs.error(out, fmt::format("found {}", Node::kind_name(regs.kind())), "an object: registers and the values a read may return");
    return;
  }
  for (std::size_t i = 0; i < regs.size(); ++i) {
    const Node values = regs.at(i);
    const std::string name(regs.key(i));
    if (values.is(Node::Kind::integer) || values.is(Node::Kind::object)) {
      read_register(values, mapping, name);
      continue;
    }
    if (!values.is(Node::Kind::array) || values.size() == 0 || values.size() > 16) {
      values.error(out, "not a list of register values",
                   "an array of 1 to 16 integers; or an integer, for a register with contents that is written and read back");
      continue;
    }
    for (std::size_t k = 0; k < values.size(); ++k)
      if (const auto v = reader_.integer(values.at(k), 0, INT64_MAX, "a register value: an integer from 0"))
        entities_.registers[mapping][name].values.push_back(static_cast<std::uint64_t>(*v));
  }
}

// A register with contents: an integer, or {"initial": 0, "doorbell": ENGINE}.
void FileCompiler::read_register(Node contents, std::uint32_t mapping, const std::string& name) {
  Node initial = contents, doorbell;
  if (contents.is(Node::Kind::object)) {
    if (!check_keys(contents, {"initial", "doorbell"}, {"initial"}, "a register with contents", reader_.out())) return;
    initial = contents.find("initial");
    doorbell = contents.find("doorbell");
  }
  const auto v = reader_.integer(initial, 0, INT64_MAX, "what the register holds at first: an integer from 0");
  auto& registers = program_->hardware.registers;
  if (doorbell && std::ranges::any_of(program_->removal, &RemovalStage::binds))
    doorbell.error(reader_.out(), "a doorbell where the driver is bound again",
                   "dma_start: a doorbell starts what the first binding has mapped");
  if (doorbell) doorbells_.emplace_back(static_cast<std::uint32_t>(registers.size()), doorbell);
  registers.push_back({mapping, name, v ? static_cast<std::uint64_t>(*v) : 0, {}, {}});
  entities_.registers[mapping][name].contents = static_cast<std::uint32_t>(registers.size());
}

void FileCompiler::read_shared_descriptors(Node shared) {
  if (!shared.is(Node::Kind::array)) return;
  for (std::size_t i = 0; i < shared.size(); ++i) {
    const auto name = reader_.text(shared.at(i), "the name of a file descriptor");
    if (!name) continue;
    if (!shared_.emplace(*name, static_cast<std::uint32_t>(program_->shared_descriptors.size())).second)
      shared.at(i).error(reader_.out(), fmt::format("'{}' stands here twice", *name));
    program_->shared_descriptors.push_back({.counted = true});
  }
}

void FileCompiler::resolve_forks() {
  for (const Fork& f : forks_) {
    const auto child = std::ranges::find(program_->tasks, f.child, &TaskSpec::role);
    if (child == program_->tasks.end() || child->parent != f.parent || f.parent == UINT32_MAX) {
      f.at.error(reader_.out(), fmt::format("no task '{}' that this one forks", f.child), "a task with \"forked_by\": this one");
      continue;
    }
    program_->functions[f.function].code[f.instruction].number = static_cast<std::uint32_t>(child - program_->tasks.begin());
    auto& files = program_->tasks[f.parent].files;
    for (std::size_t i = 0; i < files.size(); ++i) {
      files[i].counted = true;
      files[i].epoll = files[i].epoll || child->files[i].epoll;
    }
  }
}

}  // namespace unplug::scenarios

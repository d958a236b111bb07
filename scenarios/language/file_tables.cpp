// What stands in tables of a scenario file: the driver's operations, the attributes of the driver itself, registers, descriptors that tasks
// share.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/language/check_keys.hpp"
#include "unplug/scenarios/language/compiler.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::array<std::string_view, 3> with_argument{"unlocked_ioctl", "read", "write"};

// Where "removal" names the attribute.
Node stage_of(Node removal, std::string_view attribute) {
  if (removal.is(Node::Kind::object))
    if (const Node n = removal.find("sysfs_write"); n.is(Node::Kind::string) && n.string() == attribute) return n;
  for (std::size_t i = 0; removal.is(Node::Kind::array) && i < removal.size(); ++i)
    if (const Node n = stage_of(removal.at(i), attribute)) return n;
  return {};
}

}  // namespace

void FileCompiler::list_tables() {
  const Node modules = document_.root().find("modules");
  fops_names_ = {""};
  if (!modules.is(Node::Kind::object) || modules.size() != 1 || !modules.at(0).is(Node::Kind::object)) return;
  const Node m = modules.at(0);
  std::vector<Node> all{m.find("fops")};
  if (const Node tables = m.find("file_operations"); tables.is(Node::Kind::object)) {
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
  if (const Node tables = m.find("vm_operations"); tables.is(Node::Kind::object))
    for (std::size_t i = 0; i < tables.size(); ++i) vm_ops_names_.emplace_back(tables.key(i));
  const Node groups = m.find("dev_groups");
  for (std::size_t i = 0; groups.is(Node::Kind::object) && i < groups.size(); ++i) {
    auto& list = entities_.specs[static_cast<std::size_t>(EntityKind::attribute)];
    EntitySpec spec;
    spec.name = spec.member = std::string(groups.key(i));
    if (const auto f = function(groups.at(i))) spec.function = *f;
    program_->dev_groups.push_back(static_cast<std::uint32_t>(list.size()));
    entities_.by_name[spec.name] = {EntityKind::attribute, static_cast<std::uint32_t>(list.size()), groups.key_node(i).position()};
    list.push_back(std::move(spec));
  }
}

void FileCompiler::read_operations(Node table, std::string_view what, FopsSpec& into) {
  if (!table.is(Node::Kind::object)) return;
  Diagnostics& out = reader_.out();
  for (std::size_t i = 0; i < file_ops; ++i)
    if (const Node n = table.find(file_op_names[i]); n && !n.is(Node::Kind::null))
      if (const auto f = function(n)) into.functions[i] = *f;
  const Node owner = table.find("owner");
  if (!owner) {
    entities_.defaults_taken.push_back(fmt::format("{}.owner as the policy's pin says (\"owner\": \"policy\")", what));
  } else if (reader_.value(owner).is(Node::Kind::null)) {
    into.owner = FopsOwner::null;
  } else if (const auto who = reader_.text(owner, "the module's name, null, or \"policy\"")) {
    if (*who == "policy") {
      into.owner = FopsOwner::policy;
    } else if (*who == program_->module) {
      into.owner = FopsOwner::module;
    } else {
      owner.error(out, fmt::format("'{}' is no module of this file", *who),
                  fmt::format("\"{}\", null, or \"policy\" (as the policy's pin says)", program_->module),
                  *who == "THIS_MODULE" ? program_->module : nearest_word(*who, std::vector<std::string>{program_->module, "policy"}));
    }
  }
}

void FileCompiler::read_tables() {
  program_->hardware.presence =
      program_->hardware.presence || !program_->hardware.registers.empty() ||
      std::ranges::find(program_->removal, RemovalStage::Kind::unplug, &RemovalStage::kind) != program_->removal.end();
  const Node modules = document_.root().find("modules");
  if (!modules.is(Node::Kind::object) || modules.size() != 1 || !modules.at(0).is(Node::Kind::object)) return;
  program_->module = std::string(modules.key(0));
  const Node m = modules.at(0);
  read_operations(m.find("fops"), "fops", program_->fops[0]);
  const Node tables = m.find("file_operations"), vm = m.find("vm_operations");
  for (std::size_t i = 0; tables.is(Node::Kind::object) && i < tables.size(); ++i) {
    FopsSpec& t = program_->fops.emplace_back();
    t.name = fops_names_[program_->fops.size() - 1];
    read_operations(tables.at(i), t.name, t);
  }
  for (std::size_t i = 0; vm.is(Node::Kind::object) && i < vm.size(); ++i) {
    VmOpsSpec& v = program_->vm_ops.emplace_back();
    v.name = vm_ops_names_[i];
    const auto set = [&](std::string_view key, std::uint32_t& into) {
      if (const Node n = vm.at(i).is(Node::Kind::object) ? vm.at(i).find(key) : Node{})
        if (const auto f = function(n)) into = *f;
    };
    set("open", v.open);
    set("close", v.close);
    set("fault", v.fault);
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
  if (doorbell && program_->bindings > 1)
    doorbell.error(reader_.out(), "a doorbell where the driver is bound again",
                   "dma_start: a doorbell starts what the first binding has mapped");
  if (doorbell) doorbells_.emplace_back(static_cast<std::uint32_t>(registers.size()), doorbell);
  registers.push_back({mapping, name, v ? static_cast<std::uint64_t>(*v) : 0, {}, {}});
  entities_.registers[mapping][name].contents = static_cast<std::uint32_t>(registers.size());
}

void FileCompiler::check_removal() {
  const Node removal = document_.root().find("run").is(Node::Kind::object) ? document_.root().find("run").find("removal") : Node{};
  for (const RemovalStage& s : program_->removal) {
    if (s.kind != RemovalStage::Kind::sysfs_write) continue;
    const auto found = entities_.by_name.find(s.attribute);
    if (found == entities_.by_name.end() || found->second.kind != EntityKind::attribute)
      no_such_thing(entities_, reader_.out(), stage_of(removal, s.attribute), s.attribute, EntityKind::attribute);
  }
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

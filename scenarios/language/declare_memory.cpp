// Memory: its fields, what is embedded in it, and what a module declares static.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/file_compiler.hpp"

namespace unplug::scenarios {
namespace {

// Types of members that no call makes: C declares them, and they are there.
struct MemberType {
  std::string_view word;
  EntityKind kind;
  std::uint8_t flags;
};
constexpr std::array member_types{MemberType{"rcu_head", EntityKind::rcu_head, 0}, MemberType{"list_head", EntityKind::list_entry, 0},
                                  MemberType{"LIST_HEAD_INIT", EntityKind::list_entry, 1}};
constexpr std::string_view member_form = "rcu_head, list_head (an entry), LIST_HEAD_INIT (an entry that is initialised), or an object: a "
                                         "structure with \"fields\" and \"members\"";

}  // namespace

void FileCompiler::declare_fields(Node fields, EntitySpec& spec) {
  if (!fields) return;
  if (!fields.is(Node::Kind::object)) {
    fields.error(reader_.out(), fmt::format("found {}", Node::kind_name(fields.kind())), "an object: field names and initial values");
    entities_.lost.insert(spec.name);
    return;
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    // One whose value is wrong is there all the same: what else is said of it would mislead.
    std::uint64_t initial = 0;
    if (const Node value = reader_.value(fields.at(i)); !value.is(Node::Kind::null))
      initial = static_cast<std::uint64_t>(
          reader_.integer(fields.at(i), 0, INT64_MAX, "the initial value: an integer from 0, or null").value_or(0));
    spec.fields.push_back({std::string(fields.key(i)), initial});
  }
}

void FileCompiler::declare_members(Node members, const std::string& base, std::uint32_t allocation) {
  Diagnostics& out = reader_.out();
  if (!members) return;
  if (!members.is(Node::Kind::object)) {
    members.error(out, fmt::format("found {}", Node::kind_name(members.kind())), "an object: names of members and their types");
    return;
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Node type = members.at(i);
    EntitySpec spec;
    spec.member = std::string(members.key(i));
    spec.name = base + "." + spec.member;
    spec.allocation = allocation;
    spec.module = module_;
    EntityKind kind = EntityKind::allocation;
    if (!type.is(Node::Kind::object)) {
      const auto word = reader_.text(type, member_form);
      if (!word) continue;
      const auto found = std::ranges::find(member_types, *word, &MemberType::word);
      if (found == member_types.end()) {
        std::vector<std::string> words;
        for (const MemberType& t : member_types) words.emplace_back(t.word);
        type.error(out, fmt::format("no type of members '{}'", *word), std::string(member_form), nearest_word(*word, words));
        entities_.lost.insert(spec.name);
        continue;
      }
      kind = found->kind;
      spec.flags = found->flags;
    } else if (check_keys(type, {"fields", "members"}, {}, "an embedded structure", out)) {
      declare_fields(type.find("fields"), spec);
    }
    auto& list = entities_.specs[static_cast<std::size_t>(kind)];
    const auto number = static_cast<std::uint32_t>(list.size());
    const std::string name = spec.name;
    if (const auto before = entities_.by_name.find(name); before != entities_.by_name.end()) {
      members.key_node(i).error(out, fmt::format("'{}' is declared twice", name), "another name", {}, before->second.at);
      continue;
    }
    entities_.by_name[name] = {kind, number, members.key_node(i).position()};
    list.push_back(std::move(spec));
    if (type.is(Node::Kind::object)) declare_members(type.find("members"), name, number);
  }
}

void FileCompiler::declare_static() {
  for (module_ = 0; module_ < roster_.modules.size(); ++module_)
    if (const Node variables = of_module(module_, "static")) declare_static(variables);
  module_ = 0;
}

void FileCompiler::declare_static(Node variables) {
  Diagnostics& out = reader_.out();
  if (!variables.is(Node::Kind::object)) {
    variables.error(out, fmt::format("found {}", Node::kind_name(variables.kind())), "an object: names of the module's variables");
    return;
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Node type = variables.at(i);
    if (!check_keys(type, {"fields", "members"}, {}, "a static variable", out)) continue;
    EntitySpec spec;
    spec.name = spec.member = std::string(variables.key(i));
    spec.is_static = true;
    spec.module = module_;
    spec.scope = Scope::module;
    declare_fields(type.find("fields"), spec);
    auto& list = entities_.specs[static_cast<std::size_t>(EntityKind::allocation)];
    const auto number = static_cast<std::uint32_t>(list.size());
    const std::string name = spec.name;
    if (const auto before = entities_.by_name.find(name); before != entities_.by_name.end()) {
      variables.key_node(i).error(out, fmt::format("'{}' is declared twice", name), "another name", {}, before->second.at);
      continue;
    }
    entities_.by_name[name] = {EntityKind::allocation, number, variables.key_node(i).position()};
    list.push_back(std::move(spec));
    declare_members(type.find("members"), name, number);
    program_->modules[module_].data = true;
  }
}

}  // namespace unplug::scenarios

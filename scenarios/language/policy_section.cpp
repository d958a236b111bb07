// A policy in steps: its state, functions and hooks, compiled into the program of a scenario that runs under it.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"

namespace unplug::scenarios {

void FileCompiler::compile_hooks(const PolicyFile& policy) {
  // Neither knows the other's names: a driver never speaks of a policy, and a policy serves many drivers.
  source_ = policy.steps.get();
  entities_.by_name.clear();
  entities_.lost.clear();
  references_.clear();
  function_numbers_.clear();
  function_names_.clear();
  function_modules_.clear();
  function_nodes_.clear();
  parameters_.clear();
  first_function_ = program_->functions.size();
  const Node root = source_->root(), hooks_node = root.find("hooks");
  list_functions(root.find("functions"));
  calls_.assign(function_names_.size(), {});
  declare_policy_state(root);
  const auto prepare = [&](Node steps) {
    declare(steps);
    find_parameters(steps);
  };
  for (const std::string& name : function_names_) prepare(function_nodes_[name]);
  // Those that are left out as well: what one of them makes is not made then, but others go on naming it.
  for (const HookInfo& h : hooks()) prepare(hooks_node.find(h.name));
  resolve_references();
  program_->functions.resize(first_function_ + function_names_.size());
  const std::string of_binding(policy_state_names[static_cast<std::size_t>(PolicyState::binding)]);
  const bool keeps = program_->state[static_cast<std::size_t>(PolicyState::binding)] != UINT32_MAX;
  for (const std::string& name : function_names_) {
    auto& locals = parameters_[name];
    if (keeps && std::ranges::find(locals, of_binding) == locals.end()) locals.push_back(of_binding);
    const auto place = static_cast<std::uint32_t>(std::ranges::find(locals, of_binding) - locals.begin());
    FunctionCompiler f(*this, name, CodeKind::policy);
    f.run(function_nodes_[name], function_numbers_[name]);
    if (keeps) program_->functions[function_numbers_[name]].binding_local = place;
  }
  check_calls();
  for (const Hook h : policy.hooks)
    program_->hooks[static_cast<std::size_t>(h)] = compile_hook(h, hooks_node.find(hooks()[static_cast<std::size_t>(h)].name));
}

std::uint32_t FileCompiler::compile_hook(Hook hook, Node n) {
  const std::string name(hooks()[static_cast<std::size_t>(hook)].name);
  std::vector<std::string> locals(policy_state_names.begin(), policy_state_names.end());
  locals.emplace_back("token");
  parameters_[name] = std::move(locals);
  FunctionCompiler f(*this, name, CodeKind::policy);
  return f.run(n, {});
}

void FileCompiler::declare_policy_state(Node root) {
  const Node state = root.find("state");
  for (std::size_t s = 0; s < policy_states; ++s) {
    const std::string name(policy_state_names[s]);
    EntitySpec spec;
    spec.name = spec.member = name;
    spec.from_start = spec.of_policy = true;
    const Node words = state.is(Node::Kind::object) ? state.find(name) : Node{};
    if (!words) continue;
    for (std::size_t i = 0; words.is(Node::Kind::object) && i < words.size(); ++i) {
      const Node v = reader_.value(words.at(i));
      if (v.is(Node::Kind::null)) {
        spec.fields.push_back({std::string(words.key(i)), 0});
      } else if (const auto n = reader_.integer(words.at(i), 0, INT64_MAX, "the first value of a word: an integer from 0, or null")) {
        spec.fields.push_back({std::string(words.key(i)), static_cast<std::uint64_t>(*n)});
      }
    }
    auto& allocations = entities_.specs[static_cast<std::size_t>(EntityKind::allocation)];
    program_->state[s] = static_cast<std::uint32_t>(allocations.size());
    entities_.by_name[name] = {EntityKind::allocation, program_->state[s], words.position()};
    allocations.push_back(std::move(spec));
  }
}

}  // namespace unplug::scenarios

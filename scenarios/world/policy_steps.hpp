// A policy in the scenario language at work: its hooks in the place of mechanisms.
#pragma once

#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {

// Puts the program's hooks into the policy of a binding; nothing without hooks.
void install_hooks(World& world, BindingInstance& binding);
// Lays out what the policy keeps for the binding and its resources; before each execution.
void set_up_policy_state(World& world, BindingInstance& binding);

// Runs a hook, if the policy has it, and answers its result. `resource`: number of the resource, or UINT32_MAX.
int run_hook(World& world, model::Context& context, BindingInstance& binding, Hook hook, std::uint32_t resource, model::Token* token);

// Calls the function of the driver that the destructor of a resource calls, if there is one.
void call_destructor(World& world, model::Context& context, BindingInstance& binding, std::uint32_t resource);
// Destroys a resource: what its destructor calls, then it is unmapped and its region released.
void destroy_resource(World& world, model::Context& context, BindingInstance& binding, std::uint32_t resource);

}  // namespace unplug::scenarios

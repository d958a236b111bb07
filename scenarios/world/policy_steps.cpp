#include "unplug/scenarios/world/policy_steps.hpp"

#include <algorithm>

namespace unplug::scenarios {
namespace {

bool has(const Program& p, Hook h) { return p.hooks[static_cast<std::size_t>(h)] != UINT32_MAX; }
bool has_any(const Program& p, model::Part part) {
  return std::ranges::any_of(hooks(), [&](const HookInfo& h) { return h.part == part && has(p, h.hook); });
}

std::uint32_t number_of(const BindingInstance& b, const model::Resource& r) { return static_cast<std::uint32_t>(&r - b.resources.data()); }

class StepsEntry final : public model::EntryGuard {
 public:
  StepsEntry(World& w, BindingInstance& b) : world_(w), binding_(b) {}
  void init(model::Kernel&, model::NameId) override {}
  void opened(model::Context& c, model::File& file) override {
    const model::OperationOn operation(c, file);
    world_.new_file_state(binding_, file);
    run_hook(world_, c, binding_, Hook::open, UINT32_MAX, nullptr);
  }
  void closed(model::Context& c, model::File& file) override {
    const model::OperationOn operation(c, file);
    run_hook(world_, c, binding_, Hook::close, UINT32_MAX, nullptr);
  }
  bool enter(model::Context& c, model::Token& token) override {
    return run_hook(world_, c, binding_, Hook::enter, UINT32_MAX, &token) == 0;
  }
  void exit(model::Context& c, model::Token token) override { run_hook(world_, c, binding_, Hook::exit, UINT32_MAX, &token); }
  void fence(model::Context& c) override { run_hook(world_, c, binding_, Hook::remove, UINT32_MAX, nullptr); }

 private:
  World& world_;
  BindingInstance& binding_;
};

class StepsResource final : public model::ResourceGuard {
 public:
  StepsResource(World& w, BindingInstance& b) : world_(w), binding_(b) {}
  void init(model::Kernel&, model::Rcu&, model::NameId, std::span<model::Resource>) override {}
  bool acquire(model::Context& c, model::Resource& r, model::Token& token) override {
    return run_hook(world_, c, binding_, Hook::acquire, number_of(binding_, r), &token) == 0;
  }
  void release(model::Context& c, model::Resource& r, model::Token token) override {
    run_hook(world_, c, binding_, Hook::release, number_of(binding_, r), &token);
  }
  void before_devres(model::Context& c, std::span<model::Resource>) override {
    run_hook(world_, c, binding_, Hook::before_devres, UINT32_MAX, nullptr);
  }
  void revoke(model::Context& c, model::Resource& r) override {
    run_hook(world_, c, binding_, Hook::revoke, number_of(binding_, r), nullptr);
  }
  [[nodiscard]] bool can_refuse() const override { return has(world_.program(), Hook::acquire); }

 private:
  World& world_;
  BindingInstance& binding_;
};

class StepsExit final : public model::ExitBarrier {
 public:
  StepsExit(World& w, BindingInstance& b) : world_(w), binding_(b) {}
  void at_exit(model::Context& c, model::Rcu&) override { run_hook(world_, c, binding_, Hook::module_exit, UINT32_MAX, nullptr); }

 private:
  World& world_;
  BindingInstance& binding_;
};

}  // namespace

int run_hook(World& world, model::Context& context, BindingInstance& b, Hook hook, std::uint32_t resource, model::Token* token) {
  const std::uint32_t function = world.program().hooks[static_cast<std::size_t>(hook)];
  if (function == UINT32_MAX || context.aborting()) return 0;
  const std::array<std::pair<std::uint32_t, std::uint64_t>, hook_locals> arguments{
      {{0, b.policy_state},
       {1, resource == UINT32_MAX || b.resource_states.empty() ? 0 : b.resource_states[resource]},
       {2, context.file == nullptr ? 0 : world.file_state(*context.file)},
       {token_local, token == nullptr ? 0 : *token}}};
  std::array<std::uint64_t, max_locals> locals{};
  const int result = world.call(context, function, {.binding = &b, .file = context.file, .arguments = arguments, .locals = &locals});
  if (token != nullptr) *token = locals[token_local];
  return result;
}

void destroy_resource(World& world, model::Context& context, BindingInstance& b, std::uint32_t resource) {
  call_destructor(world, context, b, resource);
  if (context.aborting()) return;
  model::Mapping& m = *b.resources[resource].mapping;
  model::iounmap(context, m);
  if (!context.aborting()) model::release_mem_region(context, m);
}

void call_destructor(World& world, model::Context& context, BindingInstance& b, std::uint32_t resource) {
  const std::uint32_t function = world.program().of(EntityKind::mapping)[resource].function_of("drop");
  if (function != UINT32_MAX) world.call(context, function, {.binding = &b, .file = context.file});
}

void install_hooks(World& world, BindingInstance& b) {
  const Program& p = world.program();
  const bool file_state = p.state[static_cast<std::size_t>(PolicyState::file)] != UINT32_MAX;
  if (has_any(p, model::Part::entry) || file_state) b.policy->replace(std::make_unique<StepsEntry>(world, b));
  if (has_any(p, model::Part::resource)) b.policy->replace(std::make_unique<StepsResource>(world, b));
  if (has_any(p, model::Part::rcu_callbacks)) b.policy->replace(std::make_unique<StepsExit>(world, b));
}

void set_up_policy_state(World& world, BindingInstance& b) {
  const auto state = [&](PolicyState s) {
    const std::uint32_t allocation = world.program().state[static_cast<std::size_t>(s)];
    return allocation == UINT32_MAX ? Handle{0} : world.new_instance(b, allocation).handle;
  };
  b.policy_state = state(PolicyState::binding);
  b.resource_states.clear();
  if (world.program().state[static_cast<std::size_t>(PolicyState::resource)] == UINT32_MAX) return;
  for (std::size_t i = 0; i < b.resources.size(); ++i) b.resource_states.push_back(state(PolicyState::resource));
}

}  // namespace unplug::scenarios

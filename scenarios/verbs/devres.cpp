// Managed resources: actions, groups, and the release of a list.
#include "unplug/model/kernel/base/devres.hpp"

#include <algorithm>

#include "unplug/model/core/errno.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

// An action is told by its function and its data: one address for each pair.
const Callback& action(const Frame& f, const Instruction& i) {
  const Handle data = value(f, i);
  auto& all = f.binding->callbacks;
  const auto found = std::ranges::find_if(all, [&](const Callback& c) { return c.function == i.function && c.self == data; });
  return found != all.end() ? *found : all.emplace_back(Callback{f.binding, i.function, data});
}

model::DevresNode node(const Frame& f, const Instruction& i) {
  static const model::StaticName release{"devm action"};
  const Callback& c = action(f, i);
  const World& w = f.world;
  return {&release, f.world.kernel().intern(w.program().functions[i.function].name),
          [&c](model::Context& context) { c.binding->world->call(context, c.function, {.binding = c.binding, .self = c.self}); }, &c};
}

template <auto function> std::uint32_t do_add(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Devres* list = devres_of(f, i);
  if (list == nullptr) return next;
  const int r = function(f.context, *list, node(f, i));
  return r == 0 || f.aborting() ? next : f.fail(i, r);
}

template <auto function> std::uint32_t on_action(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Devres* list = devres_of(f, i);
  if (list == nullptr) return next;
  const void* key = &action(f, i);
  if constexpr (std::is_void_v<decltype(function(f.context, *list, key))>) {
    function(f.context, *list, key);
  } else {
    set_local(f, i, static_cast<std::uint64_t>(static_cast<std::int64_t>(function(f.context, *list, key))));
  }
  return next;
}

std::uint32_t do_open(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::DevresGroup* g = thing<EntityKind::devres_group>(f, i);
  model::Devres* list = devres_of(f, i);
  return g == nullptr || list == nullptr || model::devres_open_group(f.context, *list, g) || f.aborting() ? next : f.fail(i, model::enomem);
}

template <auto function> std::uint32_t on_group(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::DevresGroup* g = thing<EntityKind::devres_group>(f, i);
  model::Devres* list = devres_of(f, i);
  if (g != nullptr && list != nullptr) function(f.context, *list, g);
  return next;
}

std::uint32_t do_argument(Frame& f, const Instruction& i, std::uint32_t next) {
  set_local(f, i, f.self);
  return next;
}

constexpr std::string_view devres_c = "drivers/base/devres.c, v6.18";
constexpr VerbFamily groups{EntityKind::devres_group, "groups without an id (the latest that is open), devres_find() and devres_get()"};

Verb on_function(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::function;
  v.execute = execute;
  v.keys = {{"data", KeyKind::value, false, "what the function is given: a pointer to memory; with the function it tells the action"},
            other_device};
  v.keys.insert(v.keys.end(), keys.begin(), keys.end());
  v.models = devres_c;
  v.leaves_out = "devres_find(), devres_get()";
  v.summary = summary;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::devres_group>() {
  return things<EntityKind::devres_group>([](model::DevresGroup& g, const ThingSetup& s) { g.name = s.declared; });
}

std::vector<Verb> devres_verbs() {
  constexpr KeySpec no_memory{"else", KeyKind::otherwise, false, "where to go if there is no memory"};
  Verb argument;
  argument.name = "argument";
  argument.execute = do_argument;
  argument.keys = {{"to", KeyKind::to, true, "local that receives the pointer"}};
  argument.acts = false;
  argument.summary = "in an action: the data that it was given";
  return {
      on_function("devm_add_action", do_add<model::devm_add_action>, {no_memory}, "has devres call a function when its time comes"),
      on_function("devm_add_action_or_reset", do_add<model::devm_add_action_or_reset>, {no_memory},
                  "the same, and without memory the function is called at once"),
      on_function("devm_remove_action", on_action<model::devm_remove_action>, {}, "takes an action off the list; too late is misuse"),
      on_function("devm_remove_action_nowarn", on_action<model::devm_remove_action_nowarn>,
                  {{"to", KeyKind::to, false, "local that receives 0, or -ENOENT (-2)"}},
                  "the same where it may be gone; what is about to run or running is not waited for"),
      on_function("devm_release_action", on_action<model::devm_release_action>, {}, "takes an action off the list and calls it now"),
      argument,
      groups.declares("devres_open_group", do_open, {other_device, no_memory}, devres_c, "what is added from here on is of the group"),
      groups.on_thing("devres_close_group", on_group<model::devres_close_group>, {other_device}, devres_c, "to here"),
      groups.on_thing("devres_remove_group", on_group<model::devres_remove_group>, {other_device}, devres_c,
                      "forgets the group; its resources stay"),
      groups.on_thing("devres_release_group", on_group<model::devres_release_group>, {other_device}, devres_c,
                      "releases what is in the group, last first"),
  };
}

}  // namespace unplug::scenarios

// Interrupts.
#include <fmt/format.h>

#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::uint8_t managed = 1;

std::uint32_t do_request(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::StaticName release{"devm free_irq"};
  model::IrqAction* const a = thing<EntityKind::irq>(f, i);
  if (a == nullptr) return next;
  if (!model::request_irq(f.context, *a->line, *a)) return otherwise(f, i, next);
  if (model::Devres* list = i.flags == managed && !f.aborting() ? devres_of(f, i) : nullptr)
    model::devres_add(f.context, *list, {&release, a->name, [a](model::Context& c) { model::free_irq(c, *a->line, *a); }, a});
  return next;
}

std::uint32_t do_free(Frame& f, const Instruction& i, std::uint32_t next) {
  model::IrqAction* const a = thing<EntityKind::irq>(f, i);
  // devm_free_irq() warns and returns if the node is gone.
  if (a == nullptr) return next;
  if (i.flags == managed) {
    model::Devres* const list = devres_of(f, i);
    if (list == nullptr || !model::devres_remove(f.context, *list, a)) return next;
  }
  model::free_irq(f.context, *a->line, *a);
  return next;
}

template <auto function> std::uint32_t on_line(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const model::IrqAction* const a = thing<EntityKind::irq>(f, i)) function(f.context, *a->line);
  return next;
}

// The handler. One that doesn't say what it answers has handled it.
model::IrqReturn primary(model::Context& context, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  switch (c.binding->world->enter(context, c, {.result = 1})) {
    case 0: return model::IrqReturn::none;
    case 2: return model::IrqReturn::wake_thread;
    default: return model::IrqReturn::handled;
  }
}

void thread_fn(model::Context& context, void* argument) {
  Callback c = *static_cast<Callback*>(argument);
  c.function = c.thread_fn;
  c.binding->world->enter(context, c);
}

constexpr VerbFamily family{
    EntityKind::irq, "request_mutex, several interrupts latched while a line is off becoming one, affinity, NMIs, chained interrupts, "
                     "forced threading, irq_wake_thread(), disable_hardirq(), suspend"};
constexpr std::string_view manage_c = "kernel/irq/manage.c, v6.18", devres_c = "kernel/irq/devres.c, v6.18";

Verb request(std::string_view name, bool threaded, std::uint8_t flags, std::string_view summary) {
  Verb v = family.declares(name, do_request, {}, flags == managed ? devres_c : manage_c, summary);
  v.keys = {{"fn", KeyKind::function, !threaded,
             "the handler, in hard interrupt context: IRQ_NONE, IRQ_HANDLED or IRQ_WAKE_THREAD; without a return, IRQ_HANDLED"}};
  if (threaded)
    v.keys.push_back(
        {"thread_fn", KeyKind::function, true, "what its thread runs, in process context, when \"fn\" says so, or there is none"});
  v.keys.push_back({irq_key::flags, KeyKind::words, false, "IRQF_ flags", EntityKind::none, irq_flag::words});
  v.keys.push_back({irq_key::shares, KeyKind::thing, false, "another interrupt of this file, on whose line this one is", EntityKind::irq});
  v.keys.push_back({irq_key::other_drivers, KeyKind::number, false,
                    "how many handlers of other drivers are on the line from the start; they share it and answer IRQ_HANDLED"});
  v.keys.push_back({"else", KeyKind::otherwise, false, "where to go if the line is taken"});
  if (flags == managed) v.keys.push_back(other_device);
  v.flags = flags;
  return v;
}

Verb with_flags(Verb v, std::uint8_t flags, std::string_view models) {
  v.flags = flags;
  if (flags == managed) v.keys.push_back(other_device);
  v.models = models;
  return v;
}

void lay_out(model::IrqAction& a, const ThingSetup& s) {
  model::IrqLine& line = s.binding.device->irq_line(s.index);
  a = {};
  a.primary = s.spec.function == UINT32_MAX ? nullptr : primary;
  Callback* const callback = s.callback();
  a.argument = callback;
  const std::uint64_t flags = s.spec.number(irq_key::flags);
  a.shared = (flags & irq_flag::shared) != 0;
  a.oneshot = (flags & irq_flag::oneshot) != 0;
  a.no_autoen = (flags & irq_flag::no_autoen) != 0;
  model::init_irq_action(s.kernel, line, a, s.unique, s.binding.binding.life, s.declared);
  a.line = &line;
  callback->thread_fn = s.spec.function_of("thread_fn");
  if (callback->thread_fn != UINT32_MAX) {
    a.thread_fn = thread_fn;
    model::init_irq_thread(s.kernel, line, a, s.unique, s.task_name("irq thread"));
  }
  if (s.is_source()) s.binding.sources.irqs.push_back({&line, &a});
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::irq>() { return things<EntityKind::irq>(lay_out); }

std::vector<Verb> irq_verbs() {
  const auto line = [](std::string_view name, Execute execute, std::string_view summary) {
    return family.on_thing(name, execute, {}, manage_c, summary);
  };
  return {
      request("devm_request_irq", false, managed, "installs a handler that devres frees after remove(); it may run at once"),
      request("devm_request_threaded_irq", true, managed, "the same for a handler with a thread"),
      request("request_irq", false, 0, "installs a handler; it may run at once"),
      request("request_threaded_irq", true, 0, "installs a handler with a thread"),
      with_flags(line("devm_free_irq", do_free, "frees a managed interrupt now, as free_irq() does"), managed, devres_c),
      line("free_irq", do_free,
           "no handler starts, running ones and its own thread are waited for; not the threads of sharers, nor the work they queued"),
      line("synchronize_irq", on_line<model::synchronize_irq>,
           "waits for the handlers and threads of the line that run; keeps none from running afterwards"),
      line("disable_irq_nosync", on_line<model::disable_irq_nosync>, "switches the line off, for all that share it; does not wait; nests"),
      line("disable_irq", on_line<model::disable_irq>, "the same, and waits for the handlers and threads that run"),
      line("enable_irq", on_line<model::enable_irq>, "undoes one disable; what is pending comes then"),
  };
}

}  // namespace unplug::scenarios

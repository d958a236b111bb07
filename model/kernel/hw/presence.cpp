#include "unplug/model/kernel/hw/presence.hpp"

namespace unplug::model {
namespace {

const Operation remove_op{.name = "surprise removal", .sync = sim::Sync::release}, look_op{.name = "is the device there"},
    await_op{.name = "wait for surprise removal", .sync = sim::Sync::acquire};

}  // namespace

void init_presence(Kernel& kernel, Presence& p, NameId unique_name, NameId declared) {
  p = {kernel.engine().new_object(unique_name, presence_word::there), declared};
  kernel.declare_object(p.object, declared);
}

void surprise_removal(Context& context, Presence& p) {
  context.write(remove_op, p.object, {}, [](std::uint64_t& word) { word = 0; });
}

bool is_present(Context& context, const Presence& p) { return (context.read(look_op, p.object, {}) & presence_word::there) != 0; }

void await_surprise_removal(Context& context, const Presence& p) {
  sim::Step s = context.make(await_op);
  s.access = {p.object, sim::AccessKind::read};
  s.guard = sim::Guard::equal(0, presence_word::there);
  context.wait(s, {.what = "hotplug", .object = p.name, .owner = Owner::hardware, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
}

}  // namespace unplug::model

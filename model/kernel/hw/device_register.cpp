#include "unplug/model/kernel/hw/device_register.hpp"

#include <utility>

namespace unplug::model {
namespace {

using namespace presence_word;

const Operation deliver_op{.name = "posted write arrives"}, done_op{.name = "device has acted on the write"};

void bus(void* argument) {
  auto& device = *static_cast<Presence*>(argument);
  Context context(*device.bus, ContextKind::process);
  for (;;) {
    sim::Step s = context.make(deliver_op);
    s.access = {device.object, sim::AccessKind::write};
    s.guard = sim::Guard::at_least(posted_unit, posted_mask);
    Presence::PostedWrite w{};
    context.wait(s, {.what = "bus", .object = device.name, .owner = Owner::driver, .idle = true, .sleeps = false},
                 [&](std::uint64_t& word) {
                   w = device.posted.front();
                   device.posted.erase(device.posted.begin());
                   if (w.where->value != w.value) word += change_unit;
                   w.where->value = w.value;
                   word -= posted_unit;
                   if (w.where->effect != nullptr) word |= delivering;
                 });
    if (context.aborting()) return;
    if (w.where->effect == nullptr) continue;
    w.where->effect(context, w.value, w.where->argument);
    if (context.aborting()) return;
    context.write(done_op, device.object, {}, [](std::uint64_t& word) { word &= ~delivering; });
  }
}

}  // namespace

void init_bus(Kernel& kernel, Presence& device, NameId task_name) {
  static const StaticName role{"bus"};
  device.bus = &kernel;
  kernel.spawn(task_name, kernel.intern(role), bus, &device, true);
}

void init_register(DeviceRegister& r, Presence& device, NameId declared, std::uint64_t initial) {
  r.device = &device;
  r.name = declared;
  r.initial = r.value = initial;
  device.registers.push_back(&r);
}

std::uint64_t read_register(Context& context, const Mapping& m, const DeviceRegister& r, Width width) {
  std::uint64_t value = 0;
  return read_device(context, m, *r.device, width, [&] { value = r.value; }) ? value : all_ones(width);
}

void write_register(Context& context, const Mapping& m, DeviceRegister& r, std::uint64_t value, Width width) {
  write_device(context, m, *r.device, width, [&](std::uint64_t& word) {
    r.device->posted.push_back({&r, value});
    word += posted_unit;
  });
}

void lose_state(Presence& device, std::uint64_t& word) {
  device.posted.clear();
  for (DeviceRegister* r : device.registers)
    if (std::exchange(r->value, r->initial) != r->initial) word += change_unit;
  word &= ~(posted_mask | bus_master);
}

}  // namespace unplug::model

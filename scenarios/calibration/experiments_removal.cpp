// Whole removals: module unload, and unbinding a device whose driver mapped N windows, each with a devres action.
#include <array>
#include <deque>

#include <fmt/format.h>

#include "unplug/model/kernel/base/device.hpp"
#include "unplug/model/kernel/hw/mmio.hpp"
#include "unplug/model/kernel/rcu/srcu.hpp"
#include "unplug/scenarios/calibration/experiments.hpp"

namespace unplug::scenarios::calibration {
namespace {

using model::Context;
using model::Operation;
using model::Srcu;

const Operation sleep_op{.name = "sleep in an ioctl", .pause = true}, unbind_op{.name = "what an unbind does besides"};

constexpr sim::Duration lead = sim::millisecond;  // the ioctl that runs when the wait begins has begun this long before

Srcu& make_srcu(Bench& b) {
  Srcu& s = b.own<Srcu>();
  model::init_srcu(b.kernel, s, b.name("srcu"), b.name("srcu"), {});
  return s;
}

void run_ioctl(Bench& b, Srcu& srcu) {
  b.task("ioctl", [&b, &srcu](Context& c) {
    b.until(c, b.begin() - lead);
    const auto index = srcu_read_lock(c, srcu);
    c.sleep(sleep_op, lead + b.remaining());
    srcu_read_unlock(c, srcu, index);
  });
}

// `exit`: what the module's exit function waits for. `functions`: there are others than init and exit, so that ftrace waits too.
void unload_with(Bench& b, bool functions, Bench::Body exit) {
  auto& module = b.own<model::Module>();
  model::init_module(b.kernel, module, b.name("module"), b.name("module"), true);
  module.traced = functions;
  b.task("rmmod", [&b, &module, exit = std::move(exit)](Context& c) {
    b.start(c);
    b.wait(c, [&] { delete_module(c, module, b.rcu, [&] { exit(c); }); });
    b.finish(c);
  });
}

// A miscdevice of which the module has no function.
void unload(Bench& b) {
  unload_with(b, false, [](Context&) {});
}

void unload_ioctl(Bench& b) {
  Srcu& srcu = make_srcu(b);
  run_ioctl(b, srcu);
  unload_with(b, true, [&b, &srcu](Context& c) { b.wait(c, [&] { synchronize_srcu(c, srcu); }); });
}

// `remove`: what the driver's remove() waits for; `release`: what each window waits for before its iounmap().
void unbind_with(Bench& b, std::uint64_t windows, Bench::Body remove, Bench::Body release) {
  static const model::StaticName action{"devm iounmap"};
  auto& module = b.own<model::Module>();
  auto& device = b.own<model::Device>();
  auto& binding = b.own<model::Binding>();
  auto& regions = b.own<std::deque<model::Region>>(windows);
  auto& mappings = b.own<std::deque<model::Mapping>>(windows);
  model::init_module(b.kernel, module, b.name("module"), b.name("module"), true);
  model::init_device(b.kernel, device, b.name("device"), b.name("device"));
  model::init_binding(b.kernel, binding, device, module, b.name("binding"), b.name("binding"), 1);
  for (std::size_t i = 0; i < windows; ++i) {
    const model::NameId region = b.name(fmt::format("region.{}", i)), window = b.name(fmt::format("window.{}", i));
    model::init_region(b.kernel, regions[i], region, region);
    model::init_mapping(b.kernel, mappings[i], regions[i], window, window, binding.life);
  }
  const sim::Duration besides = b.machine().unbind.draw(b.draws());
  b.task("unbind", [&b, &binding, &mappings, besides, remove = std::move(remove), release = std::move(release)](Context& c) {
    probe_device(c, binding, [&](Context& context) {
      for (model::Mapping& m : mappings) {
        request_mem_region(context, m);
        ioremap(context, m);
        devres_add(context, binding,
                   {&action, m.name,
                    [&m, &release](Context& in_devres) {
                      release(in_devres);
                      iounmap(in_devres, m);
                      release_mem_region(in_devres, m);
                    },
                    &m});
      }
      return true;
    });
    b.start(c);
    c.compute(unbind_op, besides);
    release_driver(c, binding, remove);
    b.finish(c);
  });
}

Bench::Body grace_period(Bench& b) {
  return [&b](Context& c) { b.wait(c, [&] { synchronize_rcu(c, b.rcu); }); };
}
Bench::Body fence(Bench& b, Srcu& srcu) {
  return [&b, &srcu](Context& c) { b.wait(c, [&] { synchronize_srcu(c, srcu); }); };
}
void nothing(Context&) {}

void unbind(Bench& b) { unbind_with(b, b.at(), nothing, nothing); }
void unbind_rcu_each(Bench& b) { unbind_with(b, b.at(), nothing, grace_period(b)); }
void unbind_expedited_each(Bench& b) {
  unbind_with(b, b.at(), nothing, [&b](Context& c) { synchronize_rcu_expedited(c, b.rcu); });
}
void unbind_rcu_once(Bench& b) { unbind_with(b, b.at(), grace_period(b), nothing); }
void unbind_srcu(Bench& b) { unbind_with(b, b.at(), fence(b, make_srcu(b)), nothing); }
void unbind_ioctl_srcu(Bench& b) {
  Srcu& srcu = make_srcu(b);
  run_ioctl(b, srcu);
  unbind_with(b, 1, fence(b, srcu), nothing);
}

constexpr auto count = Experiment::Axis::count, length = Experiment::Axis::duration;

// Tracing delete_module() of that kernel shows one synchronize_rcu(), two with functions, and this as what varies with the host.
constexpr Beyond answers{"freeing the text flushes the TLBs of all CPUs and spins until each has answered, and devtmpfs answers from a "
                         "thread: virtual CPUs do so "
                         "when the host runs them, which no input says; the counted clock has no other CPU",
                         2};

constexpr std::array list{
    Experiment{"unload", "rmmod, nothing open", count, unload, true, 1, false, false, answers},
    Experiment{"unload-ioctl", "rmmod, SRCU fence in exit(), an ioctl of D", length, unload_ioctl, true, 1, false, false, answers},
    Experiment{"unbind", "unbind, N windows, no wait", count, unbind, false, 1, true},
    Experiment{"unbind-rcu-each", "unbind, N windows, synchronize_rcu() each", count, unbind_rcu_each, false, 1, true},
    Experiment{"unbind-rcu-expedited", "unbind, N windows, synchronize_rcu_expedited() each", count, unbind_expedited_each, false, 1, true},
    Experiment{"unbind-rcu-once", "unbind, N windows, one synchronize_rcu()", count, unbind_rcu_once, true, 1, true},
    Experiment{"unbind-srcu", "unbind, N windows, one SRCU fence", count, unbind_srcu, true, 1, true},
    Experiment{"unbind-ioctl-srcu", "unbind, one SRCU fence, an ioctl of D", length, unbind_ioctl_srcu, true, 1, true},
};

}  // namespace

std::span<const Experiment> removal_experiments() { return list; }

}  // namespace unplug::scenarios::calibration

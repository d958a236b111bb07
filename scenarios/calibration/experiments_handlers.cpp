// Waits for code that runs: work, interrupt handlers, sysfs attributes.
#include <array>
#include <deque>

#include <fmt/format.h>

#include "unplug/model/kernel/base/sysfs.hpp"
#include "unplug/model/kernel/irq/irq.hpp"
#include "unplug/model/kernel/work/workqueue_struct.hpp"
#include "unplug/scenarios/calibration/experiments.hpp"

namespace unplug::scenarios::calibration {
namespace {

using model::Context;
using model::Operation;

const Operation work_op{.name = "a work function sleeps", .pause = true}, show_op{.name = "show() sleeps", .pause = true},
    handler_op{.name = "a handler computes"};

constexpr sim::Duration lead = sim::millisecond;  // what runs when the wait begins has begun this long before

// `stop` waits for a work function that runs, unless nothing remains of it.
void work(Bench& b, void (*stop)(Context&, model::Work&)) {
  auto& item = b.own<model::Work>();
  model::init_work(b.kernel, item, b.name("work"), b.name("work"), {}, b.name("kworker"));
  item.function = [](Context& c, void* bench) { c.sleep(work_op, lead + static_cast<Bench*>(bench)->remaining()); };
  item.argument = &b;
  b.task("remove", [&b, &item, stop](Context& c) {
    b.until(c, b.begin() - lead);
    if (b.remaining() != 0) queue_work(c, item);
    b.start(c);
    b.wait(c, [&] { stop(c, item); });
    b.finish(c);
  });
}

void cancel(Bench& b) {
  work(b, [](Context& c, model::Work& w) { cancel_work_sync(c, w); });
}
void flush(Bench& b) {
  work(b, [](Context& c, model::Work& w) { flush_work(c, w); });
}

// As work(), on a queue of the driver's own.
void destroy(Bench& b) {
  auto& item = b.own<model::Work>();
  auto& queue = b.own<model::Workqueue>();
  model::init_work(b.kernel, item, b.name("work"), b.name("work"), {}, b.name("kworker"));
  model::init_workqueue(b.kernel, queue, b.name("wq"), b.name("wq"), {}, b.name("wq"), 0, true);
  item.function = [](Context& c, void* bench) { c.sleep(work_op, lead + static_cast<Bench*>(bench)->remaining()); };
  item.argument = &b;
  b.task("remove", [&b, &item, &queue](Context& c) {
    b.until(c, b.begin() - lead);
    if (b.remaining() != 0) queue_work(c, queue, item);
    b.start(c);
    b.wait(c, [&] { destroy_workqueue(c, queue); });
    b.finish(c);
  });
}

// Four work functions that each sleep D, and must be woken.
void ordered(Bench& b) {
  auto& queue = b.own<model::Workqueue>();
  auto& items = b.own<std::deque<model::Work>>(4U);
  model::init_workqueue(b.kernel, queue, b.name("wq"), b.name("wq"), {}, b.name("wq"), 1, true);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const model::NameId name = b.name(fmt::format("work.{}", i));
    model::init_work(b.kernel, items[i], name, name, {}, name);
    items[i].function = [](Context& c, void* bench) {
      auto& owner = *static_cast<Bench*>(bench);
      owner.wait(c, [&] { c.sleep(work_op, owner.length()); });
    };
    items[i].argument = &b;
  }
  b.task("remove", [&b, &queue, &items](Context& c) {
    b.start(c);
    for (model::Work& item : items) queue_work(c, queue, item);
    b.wait(c, [&] { flush_workqueue(c, queue); });
    b.finish(c);
  });
}

void irq(Bench& b, void (*stop)(Context&, model::IrqLine&, model::IrqAction&)) {
  auto& line = b.own<model::IrqLine>();
  auto& action = b.own<model::IrqAction>();
  model::init_irq_line(b.kernel, line, b.name("irq"), b.name("irq"));
  action.name = b.name("irq action");
  action.handler = [](Context& c, void* bench) { c.compute(handler_op, lead + static_cast<Bench*>(bench)->remaining()); };
  action.argument = &b;
  model::init_irq_action(b.kernel, line, action, b.name("irq action"), {});
  b.task(
      "hardware",
      [&b, &line](Context& c) {
        b.until(c, b.begin() - lead);
        if (b.remaining() != 0) raise_irq(b.kernel, line);
      },
      true);
  b.task("remove", [&b, &line, &action, stop](Context& c) {
    request_irq(c, line, action);
    b.start(c);
    b.wait(c, [&] { stop(c, line, action); });
    b.finish(c);
  });
}

void free(Bench& b) { irq(b, model::free_irq); }
void disable(Bench& b) {
  irq(b, [](Context& c, model::IrqLine& line, model::IrqAction&) { disable_irq(c, line); });
}

void file(Bench& b) {
  auto& attribute = b.own<model::SysfsAttribute>();
  attribute.operation = [](Context& c, void* bench) {
    c.sleep(show_op, lead + static_cast<Bench*>(bench)->remaining());
    return 0;
  };
  attribute.argument = &b;
  model::init_sysfs_attribute(b.kernel, attribute, b.name("attribute"), b.name("attribute"), {});
  b.task("user", [&b, &attribute](Context& c) {
    b.until(c, b.begin() - lead);
    if (b.remaining() != 0) sysfs_access(c, attribute);
  });
  b.task("remove", [&b, &attribute](Context& c) {
    sysfs_create_file(c, attribute);
    b.start(c);
    b.wait(c, [&] { sysfs_remove_file(c, attribute); });
    b.finish(c);
  });
}

constexpr auto length = Experiment::Axis::duration;

constexpr std::array list{
    Experiment{"cancel-work", "cancel_work_sync() of work of D that runs", length, cancel},
    Experiment{"flush-work", "flush_workqueue() with work of D that runs", length, flush},
    Experiment{"destroy-workqueue", "destroy_workqueue() with work of D that runs", length, destroy},
    Experiment{"flush-ordered-4", "flush_workqueue(), ordered, 4 works of D", length, ordered},
    Experiment{"free-irq", "free_irq() with a hard handler of D that runs", length, free},
    Experiment{"disable-irq", "disable_irq() with a hard handler of D that runs", length, disable},
    Experiment{"remove-file", "device_remove_file() with a show() of D that runs", length, file},
};

}  // namespace

std::span<const Experiment> handler_experiments() { return list; }

}  // namespace unplug::scenarios::calibration

// A device with an interrupt, for the tests of what runs on interrupt lines.
#pragma once

#include "support.hpp"

namespace unplug::model::test {

// A line of its own, and a handler on it that touches the device's memory.
struct Device1 {
  IrqLine line;
  IrqAction action;
  Allocation priv;
  int runs = 0, inside = 0;
  Lab::Body extra;
  void init(Lab& l, bool priv_from_start = true) {
    runs = inside = 0;
    l.init(priv, "priv", {"hits"}, priv_from_start);
    l.init(line, "irq");
    l.init(action, line, "irq action", [this](Context& c) {
      CHECK(++inside == 1);
      CHECK(c.kind() == ContextKind::hardirq);
      ++runs;
      get(c, priv);
      if (extra) extra(c);
      --inside;
    });
  }
};

// An action whose halves are lambdas. Set them, and the flags of `action`, before init().
struct IrqDevice {
  IrqAction action;
  std::function<IrqReturn(Context&)> hard;  // none: irq_default_primary_handler()
  std::function<void(Context&)> thread;     // none: no thread
  int hards = 0, threads = 0;               // runs
  int hard_inside = 0, thread_inside = 0;   // running now

  // The thread is a task called "irq thread NAME".
  void init(Lab& l, IrqLine& line, std::string_view name, LifetimeId owner = {}) {
    hards = threads = hard_inside = thread_inside = 0;
    action.argument = this;
    action.handler = nullptr;
    action.primary = hard ? run_hard : nullptr;
    action.thread_fn = thread ? run_thread : nullptr;
    init_irq_action(l.kernel, line, action, l.name(name), owner);
    if (thread) init_irq_thread(l.kernel, line, action, l.name(name), l.name("irq thread " + std::string(name)));
  }

 private:
  static IrqReturn run_hard(Context& c, void* argument) {
    auto& d = *static_cast<IrqDevice*>(argument);
    CHECK(++d.hard_inside == 1);
    ++d.hards;
    const IrqReturn r = d.hard(c);
    --d.hard_inside;
    return r;
  }
  static void run_thread(Context& c, void* argument) {
    auto& d = *static_cast<IrqDevice*>(argument);
    CHECK(++d.thread_inside == 1);
    CHECK(c.kind() == ContextKind::process);
    ++d.threads;
    d.thread(c);
    --d.thread_inside;
  }
};

inline IrqReturn handled(Context& c) {
  mark(c);
  return IrqReturn::handled;
}
inline IrqReturn wakes(Context& /*c*/) { return IrqReturn::wake_thread; }
inline IrqReturn not_mine(Context& c) {
  mark(c);
  return IrqReturn::none;
}

}  // namespace unplug::model::test

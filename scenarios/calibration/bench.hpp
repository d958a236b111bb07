// One experiment on the model, many executions of it under `timed`: what it took.
//
// An experiment is a program of the model's primitives, as a lab module is one of the kernel's. What it may know of the machine is Machine;
// what the wait takes is for the model to say.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "unplug/model/kernel/rcu/rcu.hpp"
#include "unplug/scenarios/calibration/measured.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios::calibration {

class Bench;

// What was waited for besides that no program here has, on machines of so many CPUs and more: the prediction is a lower bound there.
struct Beyond {
  std::string_view what{};
  std::uint32_t from_cpus = 1;
};

struct Experiment {
  std::string_view name;   // in measured.json
  std::string_view title;  // "N synchronize_rcu() in a row"
  enum class Axis : std::uint8_t { count, duration };
  Axis axis = Axis::count;  // what MeasuredRow::at counts
  void (*make)(Bench&) = nullptr;
  bool shared = false;        // one wait for all that the axis counts
  std::uint64_t threads = 1;  // that one wait is about
  bool unbinds = false;       // costs what an unbind costs besides
  bool kicks = false;         // the readers' remaining time is cut short
  Beyond beyond{};
};

class Bench final : public sim::Program {
 public:
  using Body = std::function<void(model::Context&)>;
  // `remaining`: of the reader, handler or ioctl that is running when the wait begins; none: it may be anywhere in its `at`.
  Bench(const Machine& machine, const Experiment& experiment, std::uint64_t at, std::optional<Spread> remaining);

  // One execution; what it took. Throws std::logic_error if it doesn't end.
  sim::Duration run(std::uint64_t seed);
  // Grace periods of normal RCU that have begun in it.
  [[nodiscard]] std::uint64_t grace_periods() const { return rcu.clock.periods(); }

  // --- For experiments, in setup.
  void setup(sim::Engine& engine) override;
  [[nodiscard]] const Machine& machine() const { return machine_; }
  [[nodiscard]] std::uint64_t at() const { return at_; }
  // MeasuredRow::at of a reader, handler or ioctl.
  [[nodiscard]] sim::Duration length() const { return at_ * sim::microsecond; }
  // When the wait is to begin, at a random phase of the tick.
  [[nodiscard]] sim::Time begin() const { return begin_; }
  // What then remains of the reader, handler or ioctl, in this execution.
  [[nodiscard]] sim::Duration remaining() const { return remaining_; }
  [[nodiscard]] sim::Random& draws() { return random_; }
  model::NameId name(std::string_view text) { return kernel.intern(text); }
  // An object that lives until the next execution.
  template <class T, class... Arguments> T& own(Arguments&&... arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    T& object = *made;
    owned_.push_back(std::move(made));
    return object;
  }
  void task(std::string_view task_name, Body body, bool daemon = false);

  // --- For experiments, in tasks.
  void until(model::Context& context, sim::Time time);
  // The wait to be measured: begin() has come; over when the last finish() says so.
  void start(model::Context& context);
  void finish(model::Context& context);
  [[nodiscard]] bool finished() const { return finished_; }
  // A call that may wait. Who has waited must be woken, which takes what the machine says.
  template <class Call> void wait(model::Context& context, Call&& call) {
    const sim::Time before = context.engine().local_time();
    call();
    if (context.engine().local_time() > before + own_steps) woken(context, machine_.wake_up);
  }
  void woken(model::Context& context, const Machine::Range& delay);

  sim::Engine engine;
  model::Kernel kernel;
  model::Rcu rcu;

 private:
  static constexpr sim::Duration own_steps = 20 * sim::microsecond;
  struct Task {
    Bench* bench;
    Body body;
  };
  const Machine& machine_;
  const Experiment& experiment_;
  std::uint64_t at_;
  std::optional<Spread> spread_;
  std::unique_ptr<sim::Strategy> strategy_;
  sim::Random random_{0};
  sim::Time begin_ = 0, started_ = 0, ended_ = 0;
  sim::Duration remaining_ = 0;
  bool finished_ = false;
  std::vector<std::shared_ptr<void>> owned_;
};

}  // namespace unplug::scenarios::calibration

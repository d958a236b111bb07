#include "unplug/scenarios/calibration/bench.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace unplug::scenarios::calibration {
namespace {

using model::Context;
using model::Operation;

const Operation until_op{.name = "sleep until", .pause = true}, delay_op{.name = "not yet running", .pause = true},
    switch_op{.name = "context switches"};

// Whatever sleeps before the wait begins has begun by then.
constexpr sim::Time settled = 100 * sim::millisecond;

}  // namespace

Bench::Bench(const Machine& machine, const Experiment& experiment, std::uint64_t at, std::optional<Spread> remaining)
    : kernel(engine, machine.kernel), rcu(kernel), machine_(machine), experiment_(experiment), at_(at), spread_(remaining),
      strategy_(sim::make_strategy("timed")) {
  engine.keep_events(false);
}

sim::Duration Bench::run(std::uint64_t seed) {
  random_ = sim::Random(seed);
  begin_ = settled + random_.below(machine_.kernel.jiffy());
  remaining_ = spread_ ? spread_->draw(random_) : experiment_.axis == Experiment::Axis::duration ? random_.below(length() + 1) : 0;
  started_ = ended_ = 0;
  finished_ = false;
  const sim::ExecutionInfo info{0, seed, &engine.names()};
  strategy_->begin(info);
  const sim::Outcome outcome = engine.run(*this, *strategy_, info);
  if (outcome.kind != sim::Outcome::Kind::completed || !finished_)
    throw std::logic_error(fmt::format("calibration: experiment '{}' at {} did not end: {}", experiment_.name, at_, outcome.message));
  return ended_ - started_;
}

void Bench::setup(sim::Engine&) {
  kernel.reset();
  owned_.clear();
  model::init_rcu(kernel, rcu);
  experiment_.make(*this);
}

void Bench::task(std::string_view task_name, Body body, bool daemon) {
  Task& t = own<Task>(Task{this, std::move(body)});
  const auto entry = [](void* argument) {
    auto& task = *static_cast<Task*>(argument);
    Context context(task.bench->kernel, model::ContextKind::process);
    task.body(context);
    context.finish();
  };
  kernel.spawn(name(task_name), name(task_name), entry, &t, daemon);
}

void Bench::until(Context& context, sim::Time time) {
  const sim::Time now = context.engine().local_time();
  if (time > now) context.sleep(until_op, time - now);
}

void Bench::start(Context& context) {
  until(context, begin_);
  started_ = context.engine().local_time();
}

void Bench::finish(Context& context) {
  ended_ = std::max(ended_, context.engine().local_time());
  finished_ = true;
}

void Bench::woken(Context& context, const Machine::Range& delay) {
  const sim::Duration drawn = delay.low + context.engine().draw(sim::Stream::duration, delay.high - delay.low + 1);
  if (drawn != 0) context.sleep(delay_op, drawn);
  context.compute(switch_op, machine_.there_and_back);
}

}  // namespace unplug::scenarios::calibration

// A driver or a mechanism written in C++, under every interleaving: for those who link the model as a library, and for its own tests.
//
// An experiment is laid out anew before each execution by the function it was given: objects (init_*() of the primitives), then tasks.
// explore() visits every trace once, sample() runs seeds of a strategy; both judge each execution and answer what was found, named by
// class, object and task, whatever order it was found in. Shared state is touched only through primitives: a task may keep locals, but what
// two tasks share has to be an object of the model, or no interleaving of it is seen. docs/examples/ has two projects that use it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "unplug/model/checker/checker.hpp"
#include "unplug/model/core/context.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {

class Experiment : public sim::Program {
 public:
  using Body = std::function<void(Context&)>;
  using Layout = std::function<void(Experiment&)>;

  explicit Experiment(Layout layout, const KernelConfig& config = {});
  void setup(sim::Engine& engine) override;

  // --- For the layout.
  NameId name(std::string_view text) { return kernel.intern(text); }
  // A task that runs `body`; a daemon may be left waiting at the end.
  TaskId task(std::string_view name, Body body, ContextKind kind = ContextKind::process, bool daemon = false);
  // The task that removes: hung-remove, unbounded-remove and the figures of removal are about it.
  TaskId remover(std::string_view name, Body body);
  // A callback as primitives take it, function and argument, that runs `body`; it lives until the next execution.
  template <class Result> struct Call {
    std::function<Result(Context&)> body;
    static Result run(Context& context, void* argument) { return static_cast<Call*>(argument)->body(context); }
  };
  template <class Result> Call<Result>* keep(std::function<Result(Context&)> body) {
    auto call = std::make_shared<Call<Result>>(Call<Result>{std::move(body)});
    kept_.push_back(call);
    return call.get();
  }

  sim::Engine engine;
  Kernel kernel;
  Rcu rcu;  // the one domain of RCU

 private:
  Layout layout_;
  std::vector<std::shared_ptr<void>> kept_;
};

// One violation, or note, as all executions that show it have it in common.
struct Finding {
  ViolationClass violation_class = ViolationClass::api_misuse;
  std::string object, task;        // as declared
  std::uint64_t executions = 0;    // that show it
  std::string detail;              // of the one kept
  std::vector<std::string> steps;  // of one execution that shows it: "foo_ioctl: readl (bar0)", the offending one marked with "->"
};
struct Findings {
  bool exhaustive = false;       // every trace was visited, none was cut
  std::uint64_t executions = 0;  // judged ones: traces, if exhaustive
  std::uint64_t cut = 0;         // by the bound on the steps of a task: not judged
  std::vector<Finding> list;     // sorted by class, object, task
  [[nodiscard]] const Finding* find(ViolationClass c, std::string_view object, std::string_view task) const;
};
// Every trace of the experiment, or the first `most`. Throws std::runtime_error with a message if the program breaks the engine's rules.
[[nodiscard]] Findings explore(Experiment& experiment, std::uint64_t most = UINT64_MAX);
// `executions` of a strategy ("random", "pct(3)", "timed", ...): execution i has a seed that depends on `seed` and i only. Throws
// std::invalid_argument if there is no such strategy, otherwise as explore().
[[nodiscard]] Findings sample(Experiment& experiment, std::uint64_t executions, std::string_view strategy = "random",
                              std::uint64_t seed = 1);

// For people: verdict, findings and their steps, one a line.
[[nodiscard]] std::string describe(const Findings& findings);

}  // namespace unplug::model

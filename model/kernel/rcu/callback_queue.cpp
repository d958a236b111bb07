#include "unplug/model/kernel/rcu/callback_queue.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace unplug::model {

namespace {

const Operation head_op{.name = "debug_rcu_head_queue"};

}  // namespace

std::uint64_t CallbackQueue::queue(Context& context, sim::Step s, const void* callback, ObjectId head, NameId task_name, NameId object,
                                   std::string_view function) {
  static constexpr std::string_view part = "head";
  auto known = std::ranges::find(heads, callback, &Head::callback);
  if (known == heads.end()) {
    if (!head) head = context.engine().new_object(context.engine().names().child(task_name, part, 1), 0);
    known = heads.insert(heads.end(), {callback, head, 0});
  }
  const auto number = static_cast<std::size_t>(known - heads.begin());
  sim::Step mark = s;
  mark.operation = &head_op;
  mark.access = {known->object, sim::AccessKind::write};
  const bool free = context.engine().step(mark, [&](std::uint64_t& word) {
    if (std::exchange(word, 1) == 0) return ++heads[number].count, true;
    context.kernel().report(ViolationClass::api_misuse, object, fmt::format("{}() of a head that is still pending", function));
    return false;
  });
  if (!free || context.aborting()) return 0;
  s.access = {calls.object, sim::AccessKind::write};
  return context.engine().step(s, [&](std::uint64_t& word) { return calls.begin(word); });
}

void CallbackQueue::start(Context& context, void* callback, NameId task_name, std::uint64_t number, const StaticName& role,
                          void (*run)(void*)) {
  static constexpr std::string_view again = "again";
  const Head& h = *std::ranges::find(heads, callback, &Head::callback);
  const NameId name = h.count == 1 ? task_name : context.engine().names().child(task_name, again, h.count - 1);
  const TaskId task = context.kernel().spawn(name, context.kernel().intern(role), run, callback);
  context.kernel().hold(calls.object, task, number);
}

void CallbackQueue::invoked(Context& context, sim::Step s, const void* callback) {
  s.access = {std::ranges::find(heads, callback, &Head::callback)->object, sim::AccessKind::write};
  context.engine().step(s, [](std::uint64_t& word) { word = 0; });
}

void CallbackQueue::finished(Context& context, sim::Step s, std::uint64_t number) {
  s.access = {calls.object, sim::AccessKind::write};
  context.engine().step(s, [&](std::uint64_t& word) {
    calls.end(word, number);
    context.kernel().unhold(calls.object, context.engine().current());
  });
}

}  // namespace unplug::model

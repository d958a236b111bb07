#include "unplug/model/kernel/callback_queue.hpp"

#include <fmt/format.h>

namespace unplug::model {

std::uint64_t CallbackQueue::queue(Context& context, sim::Step s, const void* callback, NameId object, std::string_view function) {
  auto known = std::ranges::find(heads, callback, &Head::callback);
  if (known == heads.end()) known = heads.insert(heads.end(), {callback, 0, 0, {}});
  const auto head = static_cast<std::size_t>(known - heads.begin());
  s.access = {calls.object, sim::AccessKind::write};
  return context.engine().step(s, [&](std::uint64_t& word) -> std::uint64_t {
    Head& h = heads[head];
    if (calls.is_open(h.number) && h.task != context.engine().current()) {
      context.kernel().report(ViolationClass::api_misuse, object, fmt::format("{}() of a head that is still pending", function));
      return 0;
    }
    ++h.count;
    return h.number = calls.begin(word);
  });
}

void CallbackQueue::start(Context& context, void* callback, NameId task_name, const StaticName& role, void (*run)(void*)) {
  static constexpr std::string_view again = "again";
  const auto head = static_cast<std::size_t>(std::ranges::find(heads, callback, &Head::callback) - heads.begin());
  const Head h = heads[head];
  const NameId name = h.count == 1 ? task_name : context.engine().names().child(task_name, again, h.count - 1);
  const TaskId task = context.kernel().spawn(name, context.kernel().intern(role), run, callback);
  heads[head].task = task;
  context.kernel().hold(calls.object, task, h.number);
}

void CallbackQueue::finished(Context& context, sim::Step s, std::uint64_t number) {
  s.access = {calls.object, sim::AccessKind::write};
  context.engine().step(s, [&](std::uint64_t& word) {
    calls.end(word, number);
    context.kernel().unhold(calls.object, context.engine().current());
  });
}

}  // namespace unplug::model

// Lifetimes that end and begin again. A use is at fault with an end unless it happens before that, or after a begin that happens after
// that: no other begin need lie between the two, in some execution of the trace. It is at fault with the begins if none happens before it.
#include <algorithm>

#include "unplug/sim/lifetimes.hpp"

namespace unplug::sim {
namespace {

constexpr std::uint32_t no_event = LifetimeFault::no_event;

using Bits = std::vector<std::uint64_t>;
using BitsView = std::span<const std::uint64_t>;

bool has(BitsView bits, std::size_t k) { return (bits[k / 64] >> k % 64 & 1) != 0; }
void set(Bits& bits, std::size_t k) { bits[k / 64] |= std::uint64_t{1} << k % 64; }
bool meet(BitsView a, BitsView b) {
  for (std::size_t w = 0; w < a.size(); ++w)
    if ((a[w] & b[w]) != 0) return true;
  return false;
}

// Reach for any number of marks, kept for every event.
class Order {
 public:
  Order(const Trace& trace, std::span<const std::uint32_t> marks)
      : words_((marks.size() + Reach::capacity - 1) / Reach::capacity), precedes_(trace.events.size() * words_),
        follows_(trace.events.size() * words_), reached_(trace.tasks.size() * words_) {
    Reach reach;
    for (std::size_t w = 0; w < words_; ++w) {
      const auto part = marks.subspan(w * Reach::capacity, std::min(Reach::capacity, marks.size() - w * Reach::capacity));
      reach.before(trace, part, [&](std::uint32_t i, std::uint64_t mask) { precedes_[i * words_ + w] = mask; });
      reach.after(trace, part, [&](std::uint32_t i, std::uint64_t mask) { follows_[i * words_ + w] = mask; });
      for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) reached_[t * words_ + w] = reach.reached(TaskId{t});
    }
  }
  [[nodiscard]] Bits none() const { return Bits(words_); }
  // The marks that an event precedes, or is; that it follows, or is; that the end of a task follows.
  [[nodiscard]] BitsView precedes(std::uint32_t event) const { return {precedes_.data() + event * words_, words_}; }
  [[nodiscard]] BitsView follows(std::uint32_t event) const { return {follows_.data() + event * words_, words_}; }
  [[nodiscard]] BitsView reached(std::uint32_t task) const { return {reached_.data() + task * words_, words_}; }

 private:
  std::size_t words_;
  Bits precedes_, follows_, reached_;
};

struct End {
  std::uint32_t mark;
  Bits renewed;  // the begins of its lifetime that follow it
};
struct Life {
  std::vector<std::uint32_t> begins;
  Bits begun;  // their marks
  std::vector<End> ends;
};

// Keeps those that no other of them happens before.
template <class Event> void keep_first(std::vector<std::uint32_t>& marks, const Order& order, Event&& event_of) {
  std::vector<std::uint32_t> first;
  for (const std::uint32_t m : marks)
    if (std::ranges::none_of(marks, [&](std::uint32_t other) { return other != m && has(order.follows(event_of(m)), other); }))
      first.push_back(m);
  marks = std::move(first);
}

}  // namespace

void LifetimeJudge::judge_again(const Trace& trace, std::vector<LifetimeFault>& out) {
  std::vector<std::uint32_t> marks;
  for (const Boundary& b : again_) marks.push_back(b.event);
  std::ranges::sort(marks);
  marks.erase(std::unique(marks.begin(), marks.end()), marks.end());
  const Order order(trace, marks);
  const auto event_of = [&](std::uint32_t mark) { return marks[mark]; };

  std::vector<Life> lives(trace.lifetimes.size());
  for (const Boundary& b : again_) {
    const auto mark = static_cast<std::uint32_t>(std::ranges::lower_bound(marks, b.event) - marks.begin());
    Life& life = lives[b.lifetime.index()];
    if (life.begun.empty()) life.begun = order.none();
    if (trace.events[b.event].begins == b.lifetime) {
      life.begins.push_back(mark);
      set(life.begun, mark);
    } else {
      life.ends.push_back({mark, order.none()});
    }
  }
  for (Life& life : lives)
    for (End& end : life.ends)
      for (const std::uint32_t b : life.begins)
        if (has(order.follows(marks[b]), end.mark)) set(end.renewed, b);

  std::vector<std::uint32_t> at_fault;
  // Those ends that a use with these marks before and after it is at fault with.
  const auto ends_at_fault = [&](const Life& life, BitsView precedes, BitsView follows) {
    at_fault.clear();
    for (const End& end : life.ends)
      if (!has(precedes, end.mark) && !meet(end.renewed, follows)) at_fault.push_back(end.mark);
  };
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event& e = trace.events[i];
    for (const LifetimeId l : trace.uses_of(e)) {
      const Life& life = lives[l.index()];
      if (life.begins.empty()) continue;
      const bool is_end = e.ends == l;
      ends_at_fault(life, order.precedes(i), order.follows(i));
      if (!is_end) keep_first(at_fault, order, event_of);
      for (const std::uint32_t m : at_fault)
        out.push_back({is_end ? LifetimeFault::Kind::double_end : LifetimeFault::Kind::use_after_end, l, e.task, i, marks[m]});
      if (trace.lifetimes[l.index()].from_start || meet(life.begun, order.follows(i))) continue;
      at_fault = life.begins;
      keep_first(at_fault, order, event_of);
      for (const std::uint32_t m : at_fault) out.push_back({LifetimeFault::Kind::use_before_begin, l, e.task, i, marks[m]});
    }
  }
  const Bits none = order.none();
  for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) {
    if (trace.tasks[t].end != TaskRecord::End::blocked) continue;
    for (const LifetimeId l : trace.tasks[t].pending_uses) {
      ends_at_fault(lives[l.index()], none, order.reached(t));
      keep_first(at_fault, order, event_of);
      for (const std::uint32_t m : at_fault) out.push_back({LifetimeFault::Kind::blocked_use, l, TaskId{t}, no_event, marks[m]});
    }
  }
}

}  // namespace unplug::sim

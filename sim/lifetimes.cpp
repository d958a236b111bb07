#include "unplug/sim/lifetimes.hpp"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace unplug::sim {
namespace {

constexpr std::uint32_t no_event = LifetimeFault::no_event;
// What is known of a lifetime.
constexpr char begun = 1, ended = 2, again = 4;

template <class F> void for_bits(std::uint64_t mask, F&& f) {
  for (; mask != 0; mask &= mask - 1) f(static_cast<std::size_t>(std::countr_zero(mask)));
}

}  // namespace

void LifetimeJudge::mark(std::span<const Boundary> boundaries) {
  marks_.clear();
  std::ranges::fill(of_lifetime_, 0);
  for (std::size_t k = 0; k < boundaries.size(); ++k) {
    marks_.push_back(boundaries[k].event);
    of_lifetime_[boundaries[k].lifetime.index()] |= std::uint64_t{1} << k;
  }
}

// A use must happen before each end of what it uses.
void LifetimeJudge::judge_ends(const Trace& trace, std::span<const Boundary> ends, std::vector<LifetimeFault>& out) {
  mark(ends);
  unordered_.clear();
  std::uint64_t first = ~std::uint64_t{0};  // those that no other end of the lifetime happens before: a plain use is blamed on one of them
  reach_.before(trace, marks_, [&](std::uint32_t i, std::uint64_t mask) {
    const Event& e = trace.events[i];
    for (const LifetimeId l : trace.uses_of(e))
      if (const std::uint64_t after = of_lifetime_[l.index()] & ~mask; after != 0) unordered_.push_back({l, i, after});
    if (e.ends)
      for_bits(mask & of_lifetime_[e.ends.index()], [&](std::size_t k) {
        if (ends[k].event != i) first &= ~(std::uint64_t{1} << k);
      });
  });
  std::ranges::reverse(unordered_);  // in the order of the trace
  for (const Unordered& u : unordered_) {
    const Event& e = trace.events[u.use];
    const bool is_end = e.ends == u.lifetime;  // pairs of ends are faults in both roles if unordered
    for_bits(u.boundaries & (is_end ? ~std::uint64_t{0} : first), [&](std::size_t k) {
      out.push_back(
          {is_end ? LifetimeFault::Kind::double_end : LifetimeFault::Kind::use_after_end, u.lifetime, e.task, u.use, ends[k].event});
    });
  }
  for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) {
    if (trace.tasks[t].end != TaskRecord::End::blocked) continue;
    for (const LifetimeId l : trace.tasks[t].pending_uses)
      for_bits(of_lifetime_[l.index()] & first, [&](std::size_t k) {
        out.push_back({LifetimeFault::Kind::blocked_use, l, TaskId{t}, no_event, ends[k].event});
      });
  }
}

// The begin must happen before each use.
void LifetimeJudge::judge_begins(const Trace& trace, std::span<const Boundary> begins, std::vector<LifetimeFault>& out) {
  mark(begins);
  reach_.after(trace, marks_, [&](std::uint32_t i, std::uint64_t mask) {
    const Event& e = trace.events[i];
    for (const LifetimeId l : trace.uses_of(e))
      for_bits(of_lifetime_[l.index()] & ~mask, [&](std::size_t k) {
        out.push_back({LifetimeFault::Kind::use_before_begin, l, e.task, i, begins[k].event});
      });
  });
}

// Nothing may use what never begins.
void LifetimeJudge::judge_unbegun(const Trace& trace, std::vector<LifetimeFault>& out) {
  const auto unbegun = [&](LifetimeId l) { return !trace.lifetimes[l.index()].from_start && (known_[l.index()] & begun) == 0; };
  bool any = false;
  for (std::uint32_t l = 0; l < trace.lifetimes.size(); ++l) any = any || unbegun(LifetimeId{l});
  for (std::uint32_t i = 0; any && i < trace.events.size(); ++i)
    for (const LifetimeId l : trace.uses_of(trace.events[i]))
      if (unbegun(l)) out.push_back({LifetimeFault::Kind::use_before_begin, l, trace.events[i].task, i, no_event});
}

void LifetimeJudge::judge(const Trace& trace, std::vector<LifetimeFault>& out) {
  const std::size_t first_out = out.size();
  ends_.clear();
  begins_.clear();
  known_.assign(trace.lifetimes.size(), 0);
  of_lifetime_.resize(trace.lifetimes.size());
  bool any_again = false;
  for (const std::uint32_t i : trace.boundaries) {
    const Event& e = trace.events[i];
    if (e.ends) {
      ends_.push_back({e.ends, i});
      known_[e.ends.index()] |= ended;
    }
    if (e.begins) {
      begins_.push_back({e.begins, i});
      char& known = known_[e.begins.index()];
      if (known != 0 || trace.lifetimes[e.begins.index()].from_start) {
        known |= again;
        any_again = true;
      }
      known |= begun;
    }
  }
  again_.clear();
  if (any_again) {
    const auto take = [&](const Boundary& b) {
      if ((known_[b.lifetime.index()] & again) == 0) return false;
      again_.push_back(b);
      return true;
    };
    std::erase_if(ends_, take);
    std::erase_if(begins_, take);
  }
  for (std::size_t at = 0; at < ends_.size(); at += Reach::capacity)
    judge_ends(trace, std::span(ends_).subspan(at, std::min(Reach::capacity, ends_.size() - at)), out);
  for (std::size_t at = 0; at < begins_.size(); at += Reach::capacity)
    judge_begins(trace, std::span(begins_).subspan(at, std::min(Reach::capacity, begins_.size() - at)), out);
  judge_unbegun(trace, out);
  if (any_again) judge_again(trace, out);
  const auto found = std::span(out).subspan(first_out);
  const auto order = [](const LifetimeFault& f) { return std::tie(f.lifetime, f.use, f.end, f.task, f.kind); };
  if (!std::ranges::is_sorted(found, {}, order)) std::ranges::sort(found, {}, order);  // faults of one lifetime alone are
}

}  // namespace unplug::sim

#include "unplug/sim/dpor/places.hpp"

#include <algorithm>
#include <bit>

namespace unplug::sim {

void Places::make_chains() {
  std::ranges::sort(all_, [](const Addition& a, const Addition& b) { return a.task != b.task ? a.task < b.task : a.event > b.event; });
  chains_.clear();
  for (std::uint32_t a = 0; a < all_.size(); ++a) {
    if (a == 0 || all_[a].task != all_[a - 1].task) chains_.push_back({a, 0});
    ++chains_.back().size;
  }
}

Places::Field Places::field_of(const Guard& guard) {
  if (guard.mask == 0) return {};
  const auto shift = static_cast<unsigned>(std::countr_zero(guard.mask));
  const Field f{shift, shift + static_cast<unsigned>(std::countr_one(guard.mask >> shift))};
  // Of a mask with gaps each part has to be equal, so the lowest says enough.
  const bool all = f.end == 64 || guard.mask >> f.end == 0;
  return all || guard.op == Guard::Op::equal ? f : Field{};
}

void Places::search(const Guard& guard, std::uint64_t word, bool with_each) {
  guard_ = guard;
  field_ = field_of(guard);
  // As the field sees it, with sign; no sum of them leaves the type.
  const auto amount = [&](const Addition& a) {
    return field_.end == 0 ? 0 : static_cast<std::int64_t>(a.amount << (64 - field_.end)) >> (64 - field_.end);
  };
  const std::int64_t most_each = INT64_MAX / static_cast<std::int64_t>(2 * all_.size() + 1);
  if (std::ranges::any_of(all_, [&](const Addition& a) { return amount(a) > most_each || amount(a) < -most_each; })) field_ = {};
  least_.clear();
  most_.clear();
  for (const Chain& c : chains_) {
    const std::size_t row = least_.size();
    std::int64_t sum = 0;
    least_.push_back(0);
    for (const Addition& a : of(c)) least_.push_back(sum -= amount(a));
    most_.insert(most_.end(), least_.begin() + static_cast<std::ptrdiff_t>(row), least_.end());
    for (std::size_t n = row + c.size; n > row; --n) {
      least_[n - 1] = std::min(least_[n - 1], least_[n]);
      most_[n - 1] = std::max(most_[n - 1], most_[n]);
    }
  }
  found_.clear();
  met_.clear();
  left_out_.assign(chains_.size(), 0);
  order_.resize(chains_.size());
  if (!with_each) {
    for (std::uint32_t c = 0; c < chains_.size(); ++c) order_[c] = c;
    least_of_first_ = 0;
    choose(0, word);
    return;
  }
  for (std::uint32_t first = 0; first < chains_.size(); ++first) {
    order_[0] = first;
    for (std::uint32_t c = 0, at = 1; c < chains_.size(); ++c)
      if (c != first) order_[at++] = c;
    for (least_of_first_ = 1; least_of_first_ <= chains_[first].size; ++least_of_first_) {
      met_.clear();
      choose(0, word);
    }
  }
}

std::uint32_t Places::floor_of(std::uint32_t chain, std::size_t decided) const {
  std::uint32_t floor = 0;
  for (std::size_t k = 0; k < decided; ++k) {
    const std::uint32_t c = order_[k];
    if (left_out_[c] != 0) floor = std::max(floor, needs_[(chains_[c].begin + left_out_[c] - 1) * chains_.size() + chain]);
  }
  return floor;
}

bool Places::contains_one(std::size_t decided) const {
  for (std::size_t row = 0; row < met_.size(); row += chains_.size()) {
    bool contained = true;
    for (std::size_t k = 0; k < order_.size() && contained; ++k) {
      const std::uint32_t c = order_[k], n = k < decided ? left_out_[c] : floor_of(c, decided);
      contained = met_[row + c] <= n;
    }
    if (contained) return true;
  }
  return false;
}

bool Places::hopeless(std::size_t decided, std::uint64_t word) const {
  if (field_.end == 0) return false;
  std::int64_t least = 0, most = 0;
  for (std::size_t k = decided; k < order_.size(); ++k) {
    const std::uint32_t c = order_[k];
    const std::size_t n = chains_[c].begin + c + floor_of(c, decided);
    least += least_[n];
    most += most_[n];
  }
  // From the least word to the greatest, and so the field, modulo their sizes.
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t from = (word + static_cast<std::uint64_t>(least)) & Field::low_bits(field_.end);
  const Wide to = Wide{from} + static_cast<std::uint64_t>(most - least);
  const std::uint64_t top = Field::low_bits(field_.end - field_.shift),
                      range = static_cast<std::uint64_t>((to >> field_.shift) - (from >> field_.shift));
  if (range >= top) return false;
  const std::uint64_t low = from >> field_.shift, high = (low + range) & top, value = guard_.value >> field_.shift;
  switch (guard_.op) {
    case Guard::Op::equal: return ((value - low) & top) > range;
    case Guard::Op::not_equal: return range == 0 && !guard_.holds(low << field_.shift);
    case Guard::Op::at_least: return low <= high && high < value;
    case Guard::Op::at_most: return low <= high && low > value;
    case Guard::Op::always: break;
  }
  return false;
}

void Places::choose(std::size_t at, std::uint64_t word) {
  if (hopeless(at, word) || contains_one(at)) return;
  if (at == order_.size()) {
    if (!guard_.holds(word)) return;
    met_.insert(met_.end(), left_out_.begin(), left_out_.end());
    bool known = false;  // another addition may have brought it up
    for (std::size_t row = 0; row < found_.size() && !known; row += chains_.size())
      known = std::equal(left_out_.begin(), left_out_.end(), found_.begin() + static_cast<std::ptrdiff_t>(row));
    if (!known) found_.insert(found_.end(), left_out_.begin(), left_out_.end());
    return;
  }
  const std::uint32_t c = order_[at];
  const Chain& chain = chains_[c];
  const std::uint32_t floor = at == 0 ? least_of_first_ : floor_of(c, at);
  for (std::uint32_t n = 0; n <= chain.size; ++n) {
    if (n > 0) word -= all_[chain.begin + n - 1].amount;
    if (n < floor) continue;
    left_out_[c] = n;
    const auto too_few = [&](std::size_t k) {
      return n > 0 && left_out_[order_[k]] < needs_[(chain.begin + n - 1) * chains_.size() + order_[k]];
    };
    bool closed = true;
    for (std::size_t k = 0; k < at && closed; ++k) closed = !too_few(k);
    if (!closed) break;  // more of this chain need no less of the others
    choose(at + 1, word);
  }
  left_out_[c] = 0;
}

void Places::firsts(std::size_t k, std::vector<std::uint32_t>& out) const {
  out.clear();
  for (std::size_t c = 0; c < chains_.size(); ++c)
    if (const std::uint32_t n = found_[k * chains_.size() + c]; n != 0) out.push_back(all_[chains_[c].begin + n - 1].event);
  std::ranges::sort(out);
}

}  // namespace unplug::sim

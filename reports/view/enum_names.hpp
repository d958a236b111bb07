// The words that stand for enumerators in formats for programs, for writers and the reader.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

template <typename Enum> struct EnumNames;

template <> struct EnumNames<scenarios::Evidence::Kind> {
  using Kind = scenarios::Evidence::Kind;
  static constexpr std::array<std::pair<Kind, std::string_view>, 3> all{
      {{Kind::sampled, "sampled"}, {Kind::bounded, "bounded"}, {Kind::exhaustive, "exhaustive"}}};
};

template <> struct EnumNames<scenarios::Wait::Phase> {
  using Phase = scenarios::Wait::Phase;
  static constexpr std::array<std::pair<Phase, std::string_view>, 4> all{
      {{Phase::remove, "remove"}, {Phase::devres, "devres"}, {Phase::module_exit, "module_exit"}, {Phase::module_free, "module_free"}}};
};

template <> struct EnumNames<scenarios::CellVerdict> {
  using Verdict = scenarios::CellVerdict;
  static constexpr std::array<std::pair<Verdict, std::string_view>, 4> all{
      {{Verdict::fails, "fails"}, {Verdict::vacuous, "vacuous"}, {Verdict::refused, "clean by refusal"}, {Verdict::clean, "clean"}}};
};

// The word for `value`.
template <typename Enum> std::string_view enum_name(Enum value) {
  for (const auto& [enumerator, name] : EnumNames<Enum>::all) {
    if (enumerator == value) return name;
  }
  return {};
}

}  // namespace unplug::reports

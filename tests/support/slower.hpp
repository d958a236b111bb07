// By how much less is tried under sanitizers, where everything takes so much longer.
#pragma once

#include <cstdint>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNPLUG_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define UNPLUG_SANITIZED 1
#endif

namespace unplug::test {

#ifdef UNPLUG_SANITIZED
inline constexpr std::uint64_t slower = 8;
#else
inline constexpr std::uint64_t slower = 1;
#endif

}  // namespace unplug::test

// What we use of valijson. Only this folder includes it.
#pragma once

// With the address sanitizer GCC 12 takes std::function inside std::regex for uninitialised (GCC bug 105562), in every file that
// instantiates it.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <regex>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/constraints/concrete_constraints.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/subschema.hpp>
#include <valijson/validator.hpp>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#if !VALIJSON_USE_EXCEPTIONS
#error "without VALIJSON_USE_EXCEPTIONS (its CMake target defines it) valijson aborts at a bad schema"
#endif

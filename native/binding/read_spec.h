// Plain JavaScript objects (ModelSpec and TrainSpec of src/native.ts) as the core's specs (spec.h).
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "spec/spec.h"

namespace aevb::binding {

// Each throws a TypeError that names the field if it is missing or of the wrong type.
double read_number(const Napi::Object& object, const char* name);
std::size_t read_size(const Napi::Object& object, const char* name);
bool read_bool(const Napi::Object& object, const char* name);
std::string read_string(const Napi::Object& object, const char* name);
Napi::Object read_object(const Napi::Object& object, const char* name);

// Lists that are as long as the model is wide may be missing: check_lengths asks for them.
ModelSpec read_model_spec(const Napi::Object& object);
// The core reads as many numbers of a prior as there are dimensions, and divides the features among the classes.
void check_lengths(Napi::Env env, const ModelSpec& spec);
TrainSpec read_train_spec(const Napi::Object& object);

}  // namespace aevb::binding

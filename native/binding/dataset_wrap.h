// NativeDataset of src/native.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "dataset.h"

namespace aevb::binding {

class DatasetWrap : public Napi::ObjectWrap<DatasetWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit DatasetWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

  // The dataset of an argument. Throws a TypeError where it is none.
  static Dataset from(const Napi::Value& value);
  // A typed array's rows: a copy, or where they are as long as no JavaScript runs (float64 is always copied). Throws a
  // TypeError or RangeError for what is no array of whole rows.
  static Dataset of_array(const Napi::Value& array, double columns, bool copy);
  // The first cell outside the domain that the arguments name, as `check` tells it: { row, column, value } or null.
  static Napi::Value bad_cell(const Dataset& data, const Napi::Value& domain, const Napi::Value& classes);

 private:
  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value columns(const Napi::CallbackInfo& info);
  Napi::Value check(const Napi::CallbackInfo& info);
  Napi::Value check_now(const Napi::CallbackInfo& info);
  Napi::Value slice(const Napi::CallbackInfo& info);

  std::unique_ptr<Dataset> dataset_;
  std::int64_t bytes_ = 0;  // that the garbage collector has been told of
};

}  // namespace aevb::binding

// NativeDataset of src/native.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "data/dataset.h"
#include "errors.h"
#include "job.h"

namespace aevb::binding {

class DatasetWrap : public Napi::ObjectWrap<DatasetWrap>, private Holder {
 public:
  static Napi::Function define(Napi::Env env);
  explicit DatasetWrap(const Napi::CallbackInfo& info);
  ~DatasetWrap() override;

  // The dataset of an argument. Throws a TypeError if it is none, and an error of code 'DISPOSED'.
  static Dataset from(const Napi::Value& value);
  // A typed array's rows: a copy, or the array's own memory as long as no JavaScript runs (float64 is always copied).
  // Throws a TypeError or RangeError for what is no array of whole rows.
  static Dataset of_array(const Napi::Value& array, double columns, bool copy);
  // The first cell outside the domain that the arguments name, as `check` tells it: { row, column, value } or null.
  // What check_now of these rows would say; its arguments begin at `argument`.
  static Napi::Value check_array(const Napi::CallbackInfo& info, const Dataset& data, std::size_t argument);
  // { row, column, value }, or null.
  static Napi::Value cell_object(Napi::Env env, const std::optional<BadCell>& bad);

 private:
  template <auto METHOD>
  auto coded(const Napi::CallbackInfo& info) {
    return or_throw_in_javascript(info.Env(), [&] { return (this->*METHOD)(info); });
  }

  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value columns(const Napi::CallbackInfo& info);
  Napi::Value check(const Napi::CallbackInfo& info);
  Napi::Value check_now(const Napi::CallbackInfo& info);
  Napi::Value slice(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  bool collected() const override;
  void give_back() override;
  // Throws an error of code 'DISPOSED'.
  const Dataset& dataset() const;

  std::shared_ptr<Environment> environment_;
  std::size_t rows_, columns_;        // known for good
  std::unique_ptr<Dataset> dataset_;  // until it is disposed of
  // Shared with slices: of what the garbage collector has been told.
  std::shared_ptr<const void> told_;
};

}  // namespace aevb::binding

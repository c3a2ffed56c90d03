#include "dataset_wrap.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addon.h"
#include "array_view.h"
#include "errors.h"
#include "memory.h"

namespace aevb::binding {

namespace {

// check(domain, classes, first, count, missing): the classes of each variable are numbers in an array; columns
// [first, first + count).
struct Check {
  Domain domain = Domain::real;
  std::vector<std::size_t> classes;
  std::size_t first = 0, count = 0;
  bool missing = false;

  std::optional<BadCell> operator()(const Dataset& data) const {
    return data.check(domain, classes, first, count, missing);
  }
};

Check check_of(const Napi::CallbackInfo& info, std::size_t argument, std::size_t columns) {
  const Napi::Env env = info.Env();
  const Napi::Value domain = info[argument], classes_value = info[argument + 1];
  Check check;
  const double first = info[argument + 2].ToNumber().DoubleValue(), count = info[argument + 3].ToNumber().DoubleValue();
  if (!(first >= 0.0 && count >= 1.0 && first + count <= static_cast<double>(columns))) {
    throw Napi::RangeError::New(env, "Expected columns of the rows for check");
  }
  check.missing = info[argument + 4].ToBoolean().Value();
  check.first = static_cast<std::size_t>(first);
  check.count = static_cast<std::size_t>(count);
  const std::string name = domain.IsString() ? domain.As<Napi::String>().Utf8Value() : "";
  const std::optional<Domain> known = kind_of<Domain>(name);
  if (!known) throw Napi::TypeError::New(env, "Expected a domain for check");
  check.domain = *known;
  if (check.domain != Domain::oneHot && check.domain != Domain::codes) return check;
  if (!classes_value.IsArray()) throw Napi::TypeError::New(env, "Expected an array of classes for check");
  const auto list = classes_value.As<Napi::Array>();
  double total = 0.0;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value value = list.Get(i);
    const double classes = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0.0;
    if (!(classes >= 1.0 && classes <= 0x1p53)) {
      throw Napi::RangeError::New(env, "Expected numbers of classes of at least 1 for check");
    }
    total += classes;
    check.classes.push_back(static_cast<std::size_t>(classes));
  }
  const double expected = check.domain == Domain::codes ? static_cast<double>(check.classes.size()) : total;
  if (expected != count) {
    throw Napi::RangeError::New(env, "Expected classes that fit the columns for check");
  }
  return check;
}

}  // namespace

Napi::Function DatasetWrap::define(Napi::Env env) {
  return DefineClass(env, "Dataset",
                     {
                         InstanceAccessor<&DatasetWrap::coded<&DatasetWrap::rows>>("rows"),
                         InstanceAccessor<&DatasetWrap::coded<&DatasetWrap::columns>>("columns"),
                         InstanceMethod<&DatasetWrap::coded<&DatasetWrap::check>>("check"),
                         InstanceMethod<&DatasetWrap::coded<&DatasetWrap::check_now>>("checkNow"),
                         InstanceMethod<&DatasetWrap::coded<&DatasetWrap::slice>>("slice"),
                         InstanceMethod<&DatasetWrap::coded<&DatasetWrap::dispose>>("dispose"),
                     });
}

namespace {

// A slice on its way to its wrapper.
struct Part {
  std::unique_ptr<Dataset> dataset;
  std::shared_ptr<const void> told;
};

// Tells the collector of so many bytes until the last owner has gone. Else it would see a small object, and let
// gigabytes of them wait.
std::shared_ptr<const void> tell_while_held(const std::shared_ptr<Environment>& environment, std::size_t bytes) {
  environment->tell_memory(static_cast<std::int64_t>(bytes));
  return {environment.get(),
          [environment, bytes](const void*) { environment->tell_memory(-static_cast<std::int64_t>(bytes)); }};
}

}  // namespace

DatasetWrap::DatasetWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DatasetWrap>(info), environment_(addon_data(info.Env()).environment) {
  if (info[0].IsExternal()) {  // slice()
    Part& part = *info[0].As<Napi::External<Part>>().Data();
    dataset_ = std::move(part.dataset);
    told_ = std::move(part.told);
  } else {
    if (!info[1].IsNumber()) throw Napi::TypeError::New(info.Env(), "Expected a number of columns for new Dataset");
    environment_->make_room();
    dataset_ = std::make_unique<Dataset>(of_array(info[0], info[1].As<Napi::Number>().DoubleValue(), true));
    told_ = tell_while_held(environment_, dataset_->bytes());
  }
  rows_ = dataset_->rows();
  columns_ = dataset_->columns();
  // Last, because the destructor takes it away again, and it does not run if this throws.
  environment_->add(*this);
}

DatasetWrap::~DatasetWrap() { environment_->remove(*this); }

bool DatasetWrap::collected() const {
  napi_value object = nullptr;
  return dataset_ != nullptr && napi_get_reference_value(Env(), *this, &object) == napi_ok && object == nullptr;
}

void DatasetWrap::give_back() {
  dataset_ = nullptr;
  told_ = nullptr;
}

void DatasetWrap::dispose(const Napi::CallbackInfo&) { give_back(); }

const Dataset& DatasetWrap::dataset() const {
  if (dataset_ == nullptr) throw_in_javascript(Env(), std::make_exception_ptr(Disposed()));
  return *dataset_;
}

Dataset DatasetWrap::from(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(addon_data(env).dataset_class.Value())) {
    throw Napi::TypeError::New(env, "Expected a Dataset");
  }
  return Unwrap(value.As<Napi::Object>())->dataset();
}

Dataset DatasetWrap::of_array(const Napi::Value& value, double columns, bool copy) {
  const Napi::Env env = value.Env();
  const ArrayView array = view_of(value);
  const auto elements = static_cast<double>(array.length);
  if (!(columns >= 1.0 && elements >= columns) ||
      elements / columns != static_cast<double>(array.length / static_cast<std::size_t>(columns))) {
    throw Napi::RangeError::New(env, "Expected at least one whole row");
  }
  const auto width = static_cast<std::size_t>(columns);
  const std::size_t rows = array.length / width;
  if (rows > UINT32_MAX) throw Napi::RangeError::New(env, "Expected fewer than 2^32 rows");
  if (copy || array.type == napi_float64_array) {
    const bool bytes = array.type == napi_uint8_array || array.type == napi_uint8_clamped_array;
    afford(env, elements * (bytes ? sizeof(std::uint8_t) : sizeof(float)));
  }
  try {
    switch (array.type) {
      case napi_float32_array: {
        const auto* floats = static_cast<const float*>(array.data);
        return copy ? Dataset(floats, rows, width) : Dataset::borrow(floats, rows, width);
      }
      case napi_float64_array:
        return Dataset(static_cast<const double*>(array.data), rows, width);
      case napi_uint8_array:
      case napi_uint8_clamped_array: {
        const auto* bytes = static_cast<const std::uint8_t*>(array.data);
        return copy ? Dataset(bytes, rows, width) : Dataset::borrow(bytes, rows, width);
      }
      default:
        throw Napi::TypeError::New(env, "Expected a Float32Array, Float64Array or Uint8Array of rows");
    }
  } catch (const std::exception&) {
    throw_in_javascript(env, std::current_exception());
  }
}

Napi::Value DatasetWrap::rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(rows_));
}

Napi::Value DatasetWrap::columns(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(columns_));
}

Napi::Value DatasetWrap::cell_object(Napi::Env env, const std::optional<BadCell>& bad) {
  if (!bad) return env.Null();
  Napi::Object cell = Napi::Object::New(env);
  cell.Set("row", Napi::Number::New(env, static_cast<double>(bad->row)));
  cell.Set("column", Napi::Number::New(env, static_cast<double>(bad->column)));
  cell.Set("value", Napi::Number::New(env, bad->value));
  return cell;
}

Napi::Value DatasetWrap::check(const Napi::CallbackInfo& info) {
  Check check = check_of(info, 0, dataset().columns());
  auto job = environment_->make_job();
  auto bad = std::make_shared<std::optional<BadCell>>();
  job->task->work = [data = dataset(), check = std::move(check), bad](Task&) { *bad = check(data); };
  job->result = [bad](Napi::Env env) { return cell_object(env, *bad); };
  return environment_->submit(addon_data(info.Env()).executor, std::move(job));
}

Napi::Value DatasetWrap::check_now(const Napi::CallbackInfo& info) {
  return cell_object(info.Env(), check_of(info, 0, dataset().columns())(dataset()));
}

Napi::Value DatasetWrap::check_array(const Napi::CallbackInfo& info, const Dataset& data, std::size_t argument) {
  return cell_object(info.Env(), check_of(info, argument, data.columns())(data));
}

Napi::Value DatasetWrap::slice(const Napi::CallbackInfo& info) {
  const double from = info[0].ToNumber().DoubleValue(), to = info[1].ToNumber().DoubleValue();
  if (!(from >= 0.0 && from < to && to <= static_cast<double>(dataset().rows()))) {
    throw Napi::RangeError::New(info.Env(), "Expected 0 <= from < to <= rows for slice");
  }
  Part part{std::make_unique<Dataset>(dataset().slice(static_cast<std::size_t>(from), static_cast<std::size_t>(to))),
            told_};
  return addon_data(info.Env()).dataset_class.New({Napi::External<Part>::New(info.Env(), &part)});
}

}  // namespace aevb::binding

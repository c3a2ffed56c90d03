// The addon of tests and benchmarks: what the package's addon exports, and what only they need (BenchAddon of
// test/helpers/bench-addon.ts).

#include <string>
#include <vector>

#include "bench/gradient.h"
#include "bench/peak.h"
#include "binding/addon.h"
#include "binding/dataset_wrap.h"
#include "binding/model_wrap.h"
#include "binding/read_spec.h"

namespace aevb::binding {

namespace {

Napi::Value peak(const Napi::CallbackInfo& info) {
  const double threads = info[0].ToNumber().DoubleValue();
  if (!(threads >= 1.0 && threads <= 4096.0)) {
    throw Napi::RangeError::New(info.Env(), "Expected an integer from 1 to 4096 for threads");
  }
  ThreadPool pool(static_cast<std::size_t>(threads));
  return Napi::Number::New(info.Env(), measure_peak(pool));
}

Napi::Value product(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object asked = info[0].ToObject();
  const auto size = [&](const char* name) {
    const std::size_t n = read_size(asked, name);
    if (n == 0 || n > 65536) throw Napi::RangeError::New(env, std::string("Expected 1 to 65536 for ") + name);
    return n;
  };
  const Gemm gemm = read_string(asked, "gemm") == "cblas" ? Gemm::cblas : Gemm::builtin;
  const std::string name = read_string(asked, "product");
  const Product product = name == "forward"         ? Product::forward
                          : name == "inputGradient" ? Product::input_gradient
                                                    : Product::weight_gradient;
  return Napi::Number::New(env, measure_product(gemm, product, size("rows"), size("inputs"), size("outputs")));
}

// gradient(model, rows, { condition, epsilon, step, threads }) → terms and { gradients }.
Napi::Value gradient(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Model& model = ModelWrap::model_of(info[0]);
  const Napi::Object options = info[2].ToObject();
  Examples examples(DatasetWrap::from(info[1]));
  if (model.spec().condition.width > 0) examples.condition = DatasetWrap::from(options.Get("condition"));
  std::vector<float> epsilon;
  if (options.Get("epsilon").IsTypedArray()) {
    const auto array = options.Get("epsilon").As<Napi::Float32Array>();
    epsilon.assign(array.Data(), array.Data() + array.ElementLength());
    if (epsilon.size() != examples.rows() * model.spec().objective.samples * model.layout().noise_width) {
      throw Napi::RangeError::New(env, "Expected [rows * samples, width of the noise] elements for epsilon");
    }
  }
  const std::uint32_t step = options.Has("step") ? static_cast<std::uint32_t>(read_size(options, "step")) : 0;
  ThreadPool pool(read_size(options, "threads"));
  const LossAndGradient answer =
      loss_and_gradient(model, examples, pool, epsilon.empty() ? nullptr : epsilon.data(), step);
  Napi::Object object = terms_object(env, answer.terms);
  object.Set("gradients", tensors_object(env, model, answer.gradient.data()));
  return object;
}

Napi::Object initialize_bench(Napi::Env env, Napi::Object exports) {
  initialize(env, exports);
  exports.Set("peak", Napi::Function::New(env, coded<peak>));
  exports.Set("product", Napi::Function::New(env, coded<product>));
  exports.Set("gradient", Napi::Function::New(env, coded<gradient>));
  return exports;
}

}  // namespace

NODE_API_MODULE(aevb_bench, initialize_bench)

}  // namespace aevb::binding

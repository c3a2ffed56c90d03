// math/simd.h and math/vector_math.h, on every instruction set that this machine runs.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define AEVB_HAVE_GUARD_PAGE 1
#endif

#include "math/target.h"

#ifndef AEVB_VECTOR_MATH_TEST_FUNCTIONS
#define AEVB_VECTOR_MATH_TEST_FUNCTIONS
namespace aevb::test {

enum class Function {
  exp,
  expm1,
  exp_minus,
  expm1_minus,
  log,
  log1p_of_unit,
  sigmoid,
  softplus,
  tanh,
  normal_cdf,
  normal_density,
  sine,
  cosine
};

// What one vector operation makes of lanes of a, b and c.
enum class Operation {
  add,
  subtract,
  multiply,
  divide,
  negate,
  fma,
  fnma,
  min,
  max,
  abs,
  sqrt,
  select_less,
  select_less_equal,
  select_greater,
  select_greater_equal,
  select_nan
};
enum class IntOperation { add, subtract, bit_and, bit_or, bit_xor, left_5, right_5, high, low, from_float, to_float };

}  // namespace aevb::test
#endif

#define AEVB_KERNEL_FILE "vector_math_test.cc"
#include "math/foreach_target.h"
#include "math/simd.h"
#include "math/vector_math.h"

AEVB_BEFORE_KERNELS

using test::Function;
using test::IntOperation;
using test::Operation;

int lane_count() { return F32::size; }

AEVB_INLINE F32 value_of(Function function, F32 x) {
  switch (function) {
    case Function::exp:
      return exp(x);
    case Function::expm1:
      return expm1(x);
    case Function::exp_minus:
      return exp_minus(x);
    case Function::expm1_minus:
      return expm1_minus(x);
    case Function::log:
      return log(x);
    case Function::log1p_of_unit:
      return log1p_of_unit(x);
    case Function::sigmoid:
      return sigmoid(x);
    case Function::softplus:
      return softplus(x);
    case Function::tanh:
      return tanh(x);
    case Function::normal_cdf:
      return normal(x).cdf;
    case Function::normal_density:
      return normal(x).density;
    case Function::sine:
    case Function::cosine:
      break;
  }
  F32 sine, cosine;
  sincos_of_turns(x, &sine, &cosine);
  return function == Function::sine ? sine : cosine;
}

void evaluate(Function function, float* out, const float* inp, std::size_t n) {
  for (std::size_t i = 0; i < n; i += F32::size) {
    const int lanes = n - i < F32::size ? static_cast<int>(n - i) : F32::size;
    store_partial(out + i, value_of(function, load_partial(inp + i, lanes)), lanes);
  }
}

void operate(Operation operation, float* out, const float* a_lanes, const float* b_lanes, const float* c_lanes) {
  const F32 a = load(a_lanes);
  const F32 b = load(b_lanes);
  const F32 c = load(c_lanes);
  F32 result = zero();
  switch (operation) {
    case Operation::add:
      result = a + b;
      break;
    case Operation::subtract:
      result = a - b;
      break;
    case Operation::multiply:
      result = a * b;
      break;
    case Operation::divide:
      result = a / b;
      break;
    case Operation::negate:
      result = -a;
      break;
    case Operation::fma:
      result = fma(a, b, c);
      break;
    case Operation::fnma:
      result = fnma(a, b, c);
      break;
    case Operation::min:
      result = min(a, b);
      break;
    case Operation::max:
      result = max(a, b);
      break;
    case Operation::abs:
      result = abs(a);
      break;
    case Operation::sqrt:
      result = sqrt(a);
      break;
    case Operation::select_less:
      result = select(less(a, b), c, set(-1.0f));
      break;
    case Operation::select_less_equal:
      result = select(less_equal(a, b), c, set(-1.0f));
      break;
    case Operation::select_greater:
      result = select(greater(a, b), c, set(-1.0f));
      break;
    case Operation::select_greater_equal:
      result = select(greater_equal(a, b), c, set(-1.0f));
      break;
    case Operation::select_nan:
      result = select(is_nan(a), c, set(-1.0f));
      break;
  }
  store(out, result);
}

void operate_on_ints(IntOperation operation, std::int32_t* out, const std::int32_t* a_lanes,
                     const std::int32_t* b_lanes) {
  const I32 a = load_int(a_lanes);
  const I32 b = load_int(b_lanes);
  I32 high, low;
  multiply_wide(a, b, &high, &low);
  I32 result = set_int(0);
  switch (operation) {
    case IntOperation::add:
      result = a + b;
      break;
    case IntOperation::subtract:
      result = a - b;
      break;
    case IntOperation::bit_and:
      result = a & b;
      break;
    case IntOperation::bit_or:
      result = a | b;
      break;
    case IntOperation::bit_xor:
      result = a ^ b;
      break;
    case IntOperation::left_5:
      result = shift_left<5>(a);
      break;
    case IntOperation::right_5:
      result = shift_right<5>(a);
      break;
    case IntOperation::high:
      result = high;
      break;
    case IntOperation::low:
      result = low;
      break;
    case IntOperation::from_float:
      result = to_int(float_of(a));
      break;
    case IntOperation::to_float:
      result = bits_of(from_int(a));
      break;
  }
  store_int(out, result);
}

void copy_partial(float* out, const float* inp, int n) { store_partial(out, load_partial(inp, n), n); }
void load_partial_lanes(float* out, const float* inp, int n) { store(out, load_partial(inp, n)); }
void load_u8_lanes(float* out, const std::uint8_t* inp, int n) {
  store(out, n == F32::size ? load_u8(inp) : load_u8_partial(inp, n));
}
void load_u8_partial_lanes(float* out, const std::uint8_t* inp, int n) { store(out, load_u8_partial(inp, n)); }
void first_lanes_as_ones(float* out, int n) { store(out, select(first_lanes(n), set(1.0f), zero())); }
void iota_lanes(std::int32_t* out) { store_int(out, iota()); }
float sum_lanes(const float* inp) { return sum(load(inp)); }
float largest_lane(const float* inp) { return largest(load(inp)); }
bool any_negative(const float* inp) { return any(less(load(inp), zero())); }
void transpose_lanes(float* square) {
  F32 rows[F32::size];
  for (int i = 0; i < F32::size; ++i) rows[i] = load(square + i * F32::size);
  transpose_square(rows);
  for (int i = 0; i < F32::size; ++i) store(square + i * F32::size, rows[i]);
}
void square_plus_self(double* out, const float* inp) {
  const F64 a = widen(load(inp));
  store(out, fma(a, a, zero_double()) + a);
}

AEVB_AFTER_KERNELS

#if AEVB_LAST_TARGET
namespace aevb::test {
namespace {

constexpr float INF = std::numeric_limits<float>::infinity();
constexpr float NOT_A_NUMBER = std::numeric_limits<float>::quiet_NaN();
constexpr float SMALLEST_NORMAL = std::numeric_limits<float>::min();
constexpr float LARGEST = std::numeric_limits<float>::max();

class OnEveryTarget : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override {
    before_ = active_target();
    set_active_target(GetParam());
  }
  void TearDown() override { set_active_target(before_); }

  // Portable code rounds a·b + c twice.
  bool fused() const { return GetParam() != Target::portable; }
  static std::size_t lanes() { return static_cast<std::size_t>(AEVB_DISPATCH(lane_count)()); }

 private:
  Target before_ = Target::portable;
};

std::vector<Target> all_targets() {
  int count = 0;
  const Target* targets = runnable_targets(&count);
  return {targets, targets + count};
}

INSTANTIATE_TEST_SUITE_P(VectorMath, OnEveryTarget, testing::ValuesIn(all_targets()),
                         [](const auto& info) { return std::string(target_name(info.param)); });

// --- Accuracy ---

// Floats in their order, as integers.
std::int64_t place_of(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return bits >= 0 ? bits : -static_cast<std::int64_t>(bits & 0x7fffffff);
}
float float_at(std::int64_t place) {
  const auto magnitude = static_cast<std::uint32_t>(place >= 0 ? place : -place);
  return std::bit_cast<float>(magnitude | (place < 0 ? 0x80000000u : 0u));
}

// |got − want| in units of the last place that a float of want's size has.
double ulps(float got, double want) {
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want) ? 0.0 : HUGE_VAL;
  const auto rounded = static_cast<float>(want);
  if (std::isinf(got) || std::isinf(rounded)) return got == rounded ? 0.0 : HUGE_VAL;
  int exponent = 0;
  std::frexp(want, &exponent);
  const double unit = std::ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
  return std::abs(static_cast<double>(got) - want) / unit;
}

struct Case {
  const char* name;
  Function function;
  double (*exact)(double);
  float low, high;         // where it is swept
  double ulps_fused;       // allowed with a fused multiply-add, with which exp_minus takes a short cut for large a,
  double ulps_twice;       // and without
  double ulps_per_square;  // added for each x²: e^(−x²/2) inherits the rounding of x²
  double floor;            // errors below this do not count: results that are flushed to zero
};

double exact_exp_minus(double a) { return std::exp(-a); }
double exact_expm1_minus(double a) { return std::expm1(-a); }
double exact_sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double exact_softplus(double x) { return (x > 0.0 ? x : 0.0) + std::log1p(std::exp(-std::abs(x))); }
double exact_cdf(double x) { return 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2.0); }
double exact_density(double x) { return std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }
double exact_sine(double t) { return t == 0.5 ? 0.0 : std::sin(2.0 * std::numbers::pi * t); }
double exact_cosine(double t) { return t == 0.25 || t == 0.75 ? 0.0 : std::cos(2.0 * std::numbers::pi * t); }

constexpr double TINY = 0x1p-126;

const Case CASES[] = {
    {"exp", Function::exp, std::exp, -INF, INF, 1.1, 1.1, 0, 0},
    {"expm1", Function::expm1, std::expm1, -INF, INF, 1.6, 1.6, 0, 0},
    {"exp_minus", Function::exp_minus, exact_exp_minus, 0.0f, INF, 4.0, 1.1, 0, TINY},
    {"expm1_minus", Function::expm1_minus, exact_expm1_minus, 0.0f, INF, 1.0, 1.0, 0, 0},
    {"log", Function::log, std::log, 0.0f, INF, 0.8, 0.8, 0, 0},
    {"log1p_of_unit", Function::log1p_of_unit, std::log1p, 0.0f, 1.0f, 1.5, 1.5, 0, 0},
    {"sigmoid", Function::sigmoid, exact_sigmoid, -INF, INF, 4.0, 2.5, 0, TINY},
    {"softplus", Function::softplus, exact_softplus, -INF, INF, 4.0, 2.0, 0, TINY},
    {"tanh", Function::tanh, std::tanh, -INF, INF, 2.6, 2.6, 0, 0},
    {"normal_cdf", Function::normal_cdf, exact_cdf, -INF, INF, 6.0, 6.5, 0.5, TINY},
    {"normal_density", Function::normal_density, exact_density, -INF, INF, 2.0, 2.0, 0.5, TINY},
};

// The largest error over `inputs`, and where it is.
void expect_accurate(const Case& c, bool fused, const std::vector<float>& inputs) {
  std::vector<float> outputs(inputs.size());
  AEVB_DISPATCH(evaluate)(c.function, outputs.data(), inputs.data(), inputs.size());
  double worst = 0.0;
  float where = 0.0f;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const double x = static_cast<double>(inputs[i]);
    const double want = c.exact(x);
    if (std::abs(static_cast<double>(outputs[i]) - want) <= c.floor) continue;
    const double square = std::isinf(x) ? 0.0 : x * x;
    const double allowed = (fused ? c.ulps_fused : c.ulps_twice) + c.ulps_per_square * square;
    const double error = ulps(outputs[i], want) / allowed;
    if (error > worst) {
      worst = error;
      where = inputs[i];
    }
  }
  const double allowed = fused ? c.ulps_fused : c.ulps_twice;
  testing::Test::RecordProperty(c.name, std::to_string(worst * allowed));
  EXPECT_LE(worst, 1.0) << c.name << "(" << where << "): the error is " << worst << " times what is allowed, "
                        << allowed << " units in the last place";
}

TEST_P(OnEveryTarget, FunctionsAreAccurate) {
  constexpr std::int64_t STEP = 4099;  // a prime: no pattern of significands is missed
  for (const Case& c : CASES) {
    std::vector<float> inputs;
    for (std::int64_t place = place_of(c.low); place <= place_of(c.high); place += STEP) {
      inputs.push_back(float_at(place));
    }
    // Half of all floats are below 1 in magnitude and a quarter below 1e-19: look again where functions bend.
    for (float x = -110.0f; x <= 110.0f; x += 0.00083f) {
      if (x >= c.low && x <= c.high) inputs.push_back(x);
    }
    for (const float edge : {c.low, c.high, 0.0f, 0x1p-149f, SMALLEST_NORMAL, 0x1.fffffep-127f, 1.0f, 88.0f, 88.72f,
                             88.73f, 87.33f, 87.34f, 88.03f, 103.9f, 104.0f, 128.0f, LARGEST}) {
      if (edge >= c.low && edge <= c.high) inputs.push_back(edge);
      if (-edge >= c.low && -edge <= c.high) inputs.push_back(-edge);
    }
    expect_accurate(c, fused(), inputs);
  }
}

TEST_P(OnEveryTarget, SineAndCosineAreAccurate) {
  std::vector<float> turns;
  for (std::uint32_t k = 0; k < 1u << 24; k += 41) turns.push_back(static_cast<float>(k) * 0x1p-24f);
  for (const std::uint32_t eighth : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u}) {
    for (int near = -3; near <= 3; ++near) {
      turns.push_back(static_cast<float>((eighth * (1u << 21) + static_cast<std::uint32_t>(near)) % (1u << 24)) *
                      0x1p-24f);
    }
  }
  expect_accurate({"sine", Function::sine, exact_sine, 0, 1, 1.6, 1.6, 0, 0}, fused(), turns);
  expect_accurate({"cosine", Function::cosine, exact_cosine, 0, 1, 1.6, 1.6, 0, 0}, fused(), turns);
}

float at(Function function, float x) {
  float y = 0.0f;
  AEVB_DISPATCH(evaluate)(function, &y, &x, 1);
  return y;
}

TEST_P(OnEveryTarget, FunctionsPassNanOn) {
  for (const Case& c : CASES) {
    EXPECT_TRUE(std::isnan(at(c.function, NOT_A_NUMBER))) << c.name;
    EXPECT_TRUE(std::isnan(at(c.function, -NOT_A_NUMBER))) << c.name;
  }
}

TEST_P(OnEveryTarget, FunctionsHaveTheirLimits) {
  EXPECT_EQ(at(Function::exp, INF), INF);
  EXPECT_EQ(at(Function::exp, -INF), 0.0f);
  EXPECT_EQ(at(Function::exp, 0.0f), 1.0f);
  EXPECT_EQ(at(Function::exp, 88.8f), INF);
  EXPECT_EQ(at(Function::expm1, INF), INF);
  EXPECT_EQ(at(Function::expm1, -INF), -1.0f);
  EXPECT_EQ(at(Function::exp_minus, INF), 0.0f);
  EXPECT_EQ(at(Function::expm1_minus, INF), -1.0f);
  EXPECT_EQ(at(Function::log, 0.0f), -INF);
  EXPECT_EQ(at(Function::log, -0.0f), -INF);
  EXPECT_EQ(at(Function::log, INF), INF);
  EXPECT_EQ(at(Function::log, 1.0f), 0.0f);
  EXPECT_TRUE(std::isnan(at(Function::log, -1.0f)));
  EXPECT_TRUE(std::isnan(at(Function::log, -INF)));
  EXPECT_EQ(at(Function::sigmoid, INF), 1.0f);
  EXPECT_EQ(at(Function::sigmoid, -INF), 0.0f);
  EXPECT_EQ(at(Function::sigmoid, 0.0f), 0.5f);
  EXPECT_EQ(at(Function::softplus, INF), INF);
  EXPECT_EQ(at(Function::softplus, -INF), 0.0f);
  EXPECT_EQ(at(Function::softplus, 100.0f), 100.0f);
  EXPECT_EQ(at(Function::tanh, INF), 1.0f);
  EXPECT_EQ(at(Function::tanh, -INF), -1.0f);
  EXPECT_EQ(at(Function::tanh, 0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(at(Function::tanh, -0.0f)));
  EXPECT_EQ(at(Function::normal_cdf, INF), 1.0f);
  EXPECT_EQ(at(Function::normal_cdf, -INF), 0.0f);
  EXPECT_EQ(at(Function::normal_density, INF), 0.0f);
  EXPECT_EQ(at(Function::sine, 0.0f), 0.0f);
  EXPECT_EQ(at(Function::sine, 0.25f), 1.0f);
  EXPECT_EQ(at(Function::cosine, 0.5f), -1.0f);
}

// One seed gives one model on every machine that has fused multiply-adds.
TEST(VectorMath, FusedTargetsAgreeToTheBit) {
  std::vector<float> inputs;
  for (std::int64_t place = place_of(-INF); place <= place_of(INF); place += 65537) inputs.push_back(float_at(place));
  const Target before = active_target();
  for (const Case& c : CASES) {
    std::vector<float> first;
    for (const Target target : all_targets()) {
      if (target == Target::portable) continue;
      set_active_target(target);
      std::vector<float> outputs(inputs.size());
      for (std::size_t i = 0; i < inputs.size(); ++i) outputs[i] = at(c.function, inputs[i]);
      if (first.empty()) first = outputs;
      EXPECT_EQ(std::memcmp(first.data(), outputs.data(), outputs.size() * sizeof(float)), 0)
          << c.name << " on " << target_name(target);
    }
  }
  set_active_target(before);
}

// --- Vectors ---

TEST_P(OnEveryTarget, ArithmeticIsThatOfFloats) {
  const std::vector<float> values = {0.0f,   -0.0f, 1.0f, -1.0f, 1.5f,    -2.75f,   3e-39f,       0x1p-149f, 1e30f,
                                     -1e30f, INF,   -INF, 7.0f,  LARGEST, 1.0f / 3, NOT_A_NUMBER, 0.1f,      -123.456f};
  const std::size_t n = lanes();
  std::vector<float> a(n), b(n), c(n), out(n);
  const auto same = [](float got, float want) {
    return (std::isnan(got) && std::isnan(want)) ||
           std::bit_cast<std::uint32_t>(got) == std::bit_cast<std::uint32_t>(want);
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      for (std::size_t lane = 0; lane < n; ++lane) {
        a[lane] = values[(i + lane) % values.size()];
        b[lane] = values[(j + 2 * lane) % values.size()];
        c[lane] = values[(i + j + 3 * lane) % values.size()];
      }
      const auto check = [&](Operation operation, const char* name, auto want) {
        AEVB_DISPATCH(operate)(operation, out.data(), a.data(), b.data(), c.data());
        for (std::size_t lane = 0; lane < n; ++lane) {
          const float expected = want(a[lane], b[lane], c[lane]);
          EXPECT_TRUE(same(out[lane], expected)) << name << "(" << a[lane] << ", " << b[lane] << ", " << c[lane]
                                                 << ") = " << out[lane] << ", not " << expected;
        }
      };
      const bool once = fused();
      check(Operation::add, "add", [](float x, float y, float) { return x + y; });
      check(Operation::subtract, "subtract", [](float x, float y, float) { return x - y; });
      check(Operation::multiply, "multiply", [](float x, float y, float) { return x * y; });
      check(Operation::divide, "divide", [](float x, float y, float) { return x / y; });
      check(Operation::negate, "negate", [](float x, float, float) { return -x; });
      check(Operation::fma, "fma", [once](float x, float y, float z) { return once ? std::fma(x, y, z) : x * y + z; });
      check(Operation::fnma, "fnma",
            [once](float x, float y, float z) { return once ? std::fma(-x, y, z) : z - x * y; });
      // The second if either is NaN, and if both are zero.
      check(Operation::min, "min", [](float x, float y, float) { return x < y ? x : y; });
      check(Operation::max, "max", [](float x, float y, float) { return x > y ? x : y; });
      check(Operation::abs, "abs", [](float x, float, float) { return std::abs(x); });
      check(Operation::sqrt, "sqrt", [](float x, float, float) { return std::sqrt(x); });
      check(Operation::select_less, "less", [](float x, float y, float z) { return x < y ? z : -1.0f; });
      check(Operation::select_less_equal, "less_equal", [](float x, float y, float z) { return x <= y ? z : -1.0f; });
      check(Operation::select_greater, "greater", [](float x, float y, float z) { return x > y ? z : -1.0f; });
      check(Operation::select_greater_equal, "greater_equal",
            [](float x, float y, float z) { return x >= y ? z : -1.0f; });
      check(Operation::select_nan, "is_nan", [](float x, float, float z) { return std::isnan(x) ? z : -1.0f; });
    }
  }
}

TEST_P(OnEveryTarget, IntegersWrap) {
  const std::vector<std::uint32_t> values = {
      0u, 1u, 2u, 31u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0xd2511f53u, 0xcd9e8d57u, 0x12345678u, 0x9e3779b9u};
  const std::size_t n = lanes();
  std::vector<std::int32_t> a(n), b(n), out(n);
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      for (std::size_t lane = 0; lane < n; ++lane) {
        a[lane] = static_cast<std::int32_t>(values[(i + lane) % values.size()]);
        b[lane] = static_cast<std::int32_t>(values[(j + 2 * lane) % values.size()]);
      }
      const auto check = [&](IntOperation operation, const char* name, auto want) {
        AEVB_DISPATCH(operate_on_ints)(operation, out.data(), a.data(), b.data());
        for (std::size_t lane = 0; lane < n; ++lane) {
          const auto x = static_cast<std::uint32_t>(a[lane]);
          const auto y = static_cast<std::uint32_t>(b[lane]);
          EXPECT_EQ(static_cast<std::uint32_t>(out[lane]), static_cast<std::uint32_t>(want(x, y))) << name << x << y;
        }
      };
      check(IntOperation::add, "add", [](std::uint32_t x, std::uint32_t y) { return x + y; });
      check(IntOperation::subtract, "subtract", [](std::uint32_t x, std::uint32_t y) { return x - y; });
      check(IntOperation::bit_and, "and", [](std::uint32_t x, std::uint32_t y) { return x & y; });
      check(IntOperation::bit_or, "or", [](std::uint32_t x, std::uint32_t y) { return x | y; });
      check(IntOperation::bit_xor, "xor", [](std::uint32_t x, std::uint32_t y) { return x ^ y; });
      check(IntOperation::left_5, "left", [](std::uint32_t x, std::uint32_t) { return x << 5; });
      check(IntOperation::right_5, "right", [](std::uint32_t x, std::uint32_t) { return x >> 5; });
      check(IntOperation::high, "high", [](std::uint64_t x, std::uint64_t y) { return (x * y) >> 32; });
      check(IntOperation::low, "low", [](std::uint64_t x, std::uint64_t y) { return x * y; });
      check(IntOperation::to_float, "to_float", [](std::uint32_t x, std::uint32_t) {
        return std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(x)));
      });
    }
  }
}

TEST_P(OnEveryTarget, FloatsRoundToTheNearestEvenInteger) {
  const std::size_t n = lanes();
  for (const float value :
       {0.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 0.49999997f, 3.7f, -3.7f, 4194303.5f, -4194303.0f}) {
    std::vector<std::int32_t> bits(n, std::bit_cast<std::int32_t>(value)), out(n);
    AEVB_DISPATCH(operate_on_ints)(IntOperation::from_float, out.data(), bits.data(), bits.data());
    for (const std::int32_t lane : out) EXPECT_EQ(lane, static_cast<std::int32_t>(std::nearbyint(value))) << value;
  }
}

TEST_P(OnEveryTarget, LanesAreCountedFromTheFirst) {
  const std::size_t n = lanes();
  std::vector<std::int32_t> order(n);
  AEVB_DISPATCH(iota_lanes)(order.data());
  for (std::size_t lane = 0; lane < n; ++lane) EXPECT_EQ(order[lane], static_cast<std::int32_t>(lane));
  for (std::size_t count = 0; count <= n; ++count) {
    std::vector<float> ones(n);
    AEVB_DISPATCH(first_lanes_as_ones)(ones.data(), static_cast<int>(count));
    for (std::size_t lane = 0; lane < n; ++lane) EXPECT_EQ(ones[lane], lane < count ? 1.0f : 0.0f);
  }
}

TEST_P(OnEveryTarget, SumsAddEveryLane) {
  const std::size_t n = lanes();
  std::vector<float> values(n);
  float want = 0.0f;
  for (std::size_t lane = 0; lane < n; ++lane) want += values[lane] = static_cast<float>(1u << lane);
  EXPECT_EQ(AEVB_DISPATCH(sum_lanes)(values.data()), want);
  EXPECT_FALSE(AEVB_DISPATCH(any_negative)(values.data()));
  values.back() = -1.0f;
  EXPECT_TRUE(AEVB_DISPATCH(any_negative)(values.data()));
}

TEST_P(OnEveryTarget, LargestLooksAtEveryLane) {
  const std::size_t n = lanes();
  std::vector<float> values(n);
  for (std::size_t lane = 0; lane < n; ++lane) {
    values.assign(n, -2.0f);
    values[lane] = -1.0f;
    EXPECT_EQ(AEVB_DISPATCH(largest_lane)(values.data()), -1.0f);
    values[lane] = INF;
    EXPECT_EQ(AEVB_DISPATCH(largest_lane)(values.data()), INF);
  }
  values.assign(n, -INF);
  EXPECT_EQ(AEVB_DISPATCH(largest_lane)(values.data()), -INF);
}

TEST_P(OnEveryTarget, DoublesHoldWhatFloatsCannot) {
  const std::size_t n = lanes();
  std::vector<float> values(n);
  std::vector<double> out(n);
  for (std::size_t lane = 0; lane < n; ++lane) values[lane] = 1.0f + static_cast<float>(lane + 1) * 0x1p-20f;
  AEVB_DISPATCH(square_plus_self)(out.data(), values.data());
  for (std::size_t lane = 0; lane < n; ++lane) {
    const double x = static_cast<double>(values[lane]);
    EXPECT_EQ(out[lane], x * x + x);
  }
}

TEST_P(OnEveryTarget, ASquareIsTransposed) {
  const std::size_t n = lanes();
  std::vector<float> square(n * n);
  for (std::size_t i = 0; i < n * n; ++i) square[i] = static_cast<float>(i);
  AEVB_DISPATCH(transpose_lanes)(square.data());
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) EXPECT_EQ(square[i * n + j], static_cast<float>(j * n + i));
  }
}

// --- Partial loads and stores ---

// Memory that ends where a page begins that may not be touched.
class GuardedEnd {
 public:
#if AEVB_HAVE_GUARD_PAGE
  GuardedEnd() : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    void* memory = mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    begin_ = static_cast<char*>(memory);
    if (mprotect(begin_ + page_, page_, PROT_NONE) != 0) ADD_FAILURE() << "mprotect";
  }
  ~GuardedEnd() {
    if (begin_ != nullptr) munmap(begin_, 2 * page_);
  }
#else
  GuardedEnd() : page_(4096), begin_(new char[page_]) {}
  ~GuardedEnd() { delete[] begin_; }
#endif
  GuardedEnd(const GuardedEnd&) = delete;
  GuardedEnd& operator=(const GuardedEnd&) = delete;

  // The last `count` of these.
  template <typename T>
  T* last(std::size_t count) const {
    return reinterpret_cast<T*>(begin_ + page_ - count * sizeof(T));
  }

 private:
  std::size_t page_;
  char* begin_ = nullptr;
};

TEST_P(OnEveryTarget, PartialLoadsAndStoresTouchNothingElse) {
  const std::size_t n = lanes();
  const GuardedEnd source, destination;
  for (std::size_t count = 0; count <= n; ++count) {
    float* from = source.last<float>(count);
    float* to = destination.last<float>(count);
    for (std::size_t i = 0; i < count; ++i) from[i] = static_cast<float>(i) + 0.5f;
    to[-1] = -7.0f;
    AEVB_DISPATCH(copy_partial)(to, from, static_cast<int>(count));
    EXPECT_EQ(to[-1], -7.0f);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(to[i], from[i]);
    std::vector<float> all(n, -1.0f);
    AEVB_DISPATCH(load_partial_lanes)(all.data(), from, static_cast<int>(count));
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(all[i], i < count ? from[i] : 0.0f);

    auto* bytes = source.last<std::uint8_t>(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(255 - 3 * i);
    for (const auto loader : {AEVB_DISPATCH(load_u8_lanes), AEVB_DISPATCH(load_u8_partial_lanes)}) {
      loader(all.data(), bytes, static_cast<int>(count));
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(all[i], i < count ? static_cast<float>(bytes[i]) : 0.0f);
    }
  }
  // Not the lanes behind the last one either.
  std::vector<float> to(n + 1, -7.0f);
  const std::vector<float> from(n, 1.0f);
  for (std::size_t count = 0; count < n; ++count) {
    AEVB_DISPATCH(copy_partial)(to.data(), from.data(), static_cast<int>(count));
    EXPECT_EQ(to[count], -7.0f);
  }
}

// --- Targets ---

TEST(Target, OnlyRunnableOnesCanBeMadeActive) {
  const std::vector<Target> runnable = all_targets();
  ASSERT_FALSE(runnable.empty());
  EXPECT_EQ(runnable.front(), Target::portable);
  const Target before = active_target();
  for (const Target target : {Target::portable, Target::neon, Target::avx2, Target::avx512}) {
    bool found = false;
    for (const Target candidate : runnable) found = found || candidate == target;
    if (found) {
      set_active_target(target);
      EXPECT_EQ(active_target(), target);
      EXPECT_EQ(vector_width(target), AEVB_DISPATCH(lane_count)());
      EXPECT_EQ(panel_width(target) % vector_width(target), 0);
    } else {
      EXPECT_THROW(set_active_target(target), std::invalid_argument);
    }
  }
  set_active_target(before);
}

}  // namespace
}  // namespace aevb::test
#endif

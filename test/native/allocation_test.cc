// Nothing is allocated inside a training step: every operator new of this program counts.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <new>
#include <string>

#include "models.h"
#include "random_specs.h"
#include "train/trainer.h"

namespace {

std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t whole = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, whole == 0 ? alignment : whole);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace aevb {
namespace {

class Allocations : public testing::TestWithParam<test::NamedSpec> {};

std::size_t allocations_in_steps(const ModelSpec& spec, Precision precision) {
  Model model(spec);
  Trainer trainer(model);
  TrainSpec train;
  train.precision = precision;
  train.batch_size = 30;
  train.clip_norm = 1.0;
  train.clip_value = 1.0;
  trainer.begin_fit(train);
  ThreadPool pool(3);
  const std::atomic<bool> never{false};
  test::Random random(1);
  const Examples data = test::random_examples(spec, 200, &random).examples(spec);
  EpochEvents events;
  std::size_t before = 0, steps = 0, during = 0;
  events.batch_begin = [&](std::size_t) { before = allocations.load(); };
  events.batch_end = [&](std::size_t, const Terms&) {
    during += allocations.load() - before;
    ++steps;
  };
  for (int epoch = 0; epoch < 2; ++epoch) trainer.epoch(data, pool, never, events);
  EXPECT_EQ(steps, 14u);
  return during;
}

TEST_P(Allocations, AreNotMadeInsideAStep) {
  EXPECT_EQ(allocations_in_steps(GetParam().spec, Precision::float32), 0u);
  EXPECT_EQ(allocations_in_steps(GetParam().spec, Precision::bfloat16), 0u);
}

// A layer of each kind.
ModelSpec network_spec() {
  const auto layer = [](LayerType type, auto change) {
    LayerSpec spec;
    spec.type = type;
    change(spec);
    return spec;
  };
  const auto conv = [&](LayerType type, std::size_t channels, std::size_t groups = 1) {
    return layer(type, [&](LayerSpec& spec) {
      spec.channels = channels;
      spec.groups = groups;
      spec.window.kernel = {1, 3, 3};
      spec.window.padding_before = spec.window.padding_after = {0, 1, 1};
    });
  };
  const auto plain = [&](LayerType type) { return layer(type, [](LayerSpec&) {}); };
  const LayerSpec pool = layer(LayerType::maxPool, [](LayerSpec& spec) {
    spec.window.kernel = spec.window.stride = {1, 2, 2};
  });
  const LayerSpec enlarge = layer(LayerType::upsample, [](LayerSpec& spec) { spec.extent = {1, 2, 2}; });
  const LayerSpec dropout = layer(LayerType::dropout, [](LayerSpec& spec) { spec.rate = 0.2; });
  LayerSpec residual = plain(LayerType::residual);
  residual.layers = {conv(LayerType::conv, 4, 2), plain(LayerType::activation)};
  LayerSpec reshape = plain(LayerType::reshape);
  reshape.channels = 4;
  reshape.extent = {1, 4, 4};
  LayerSpec linear = enlarge;
  linear.interpolation = Interpolation::linear;
  ModelSpec spec;
  spec.input = 64;
  spec.image = {1, {1, 8, 8}, 2, false};
  spec.encoder = {
      conv(LayerType::conv, 4),   plain(LayerType::batchNorm), plain(LayerType::activation), pool, dropout, residual,
      plain(LayerType::groupNorm)};
  spec.decoder = {{64, Activation::relu},      reshape, conv(LayerType::convTranspose, 3),
                  plain(LayerType::layerNorm), linear,  conv(LayerType::conv, 2)};
  return spec;
}

// Every activation and layout, and every likelihood, posterior and objective.
std::vector<test::NamedSpec> every_spec() {
  std::vector<test::NamedSpec> all = test::model_specs();
  for (const test::NamedSpec& spec : test::single_part_specs()) all.push_back(spec);
  all.push_back({"network", network_spec()});
  return all;
}

INSTANTIATE_TEST_SUITE_P(EveryModel, Allocations, testing::ValuesIn(every_spec()), [](const auto& info) {
  std::string name = std::to_string(info.index) + "_" + info.param.name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(Allocations, AreCounted) {
  const std::size_t before = allocations.load();
  const std::vector<float> memory(1000);
  EXPECT_EQ(allocations.load() - before, 1u);
  EXPECT_EQ(memory.size(), 1000u);
}

}  // namespace
}  // namespace aevb

/** What `aevb` exports: names only. */

import type { Encoding } from './encoding.js'
import { VAE as Class, type VAEConstructor } from './vae.js'

export { type Backend, backend } from './backend.js'
export type { ConditionLike } from './data/condition.js'
export { Dataset, type MatrixLike } from './data/dataset.js'
export type { Matrix, Row } from './data/matrix.js'
export { type LabelledImages, type Mnist, mnist } from './data/mnist.js'
export type { IntegerArray, StridedTensor } from './data/strided.js'
export type {
  DiscreteEncoding,
  DrawnEncoding,
  Encoding,
  EncodingOf,
  GaussianEncoding,
  GroupEncoding,
  LocationScaleEncoding,
} from './encoding.js'
export { AbortError, VAEError, type VAEErrorCode } from './errors.js'
export type { BatchRecord, EpochRecord, History, Losses } from './history.js'
export type { LogLikelihood } from './log-likelihood.js'
export type { Callbacks } from './options/callbacks.js'
export type {
  ActivationLayer,
  ActivationName,
  AvgPoolLayer,
  BatchNormLayer,
  BernoulliLatent,
  BernoulliLikelihood,
  Capacity,
  CategoricalLatent,
  CategoricalLikelihood,
  ClassCondition,
  Condition,
  ContinuousBernoulliLikelihood,
  ConvLayer,
  ConvTransposeLayer,
  Corruption,
  CosineWarmup,
  CyclicalWarmup,
  DenseLayer,
  DropoutLayer,
  EmbeddingLayer,
  FlattenLayer,
  FreeBits,
  GaussianCorruption,
  GaussianLatent,
  GaussianLikelihood,
  GroupNormLayer,
  InitializerName,
  LaplaceLatent,
  LaplaceLikelihood,
  Latent,
  LatentConfig,
  Layer,
  LayerNormLayer,
  Likelihood,
  LikelihoodHead,
  LikelihoodName,
  LikelihoodPart,
  LinearWarmup,
  LogisticLatent,
  MaskingCorruption,
  MaxPoolLayer,
  MixturePrior,
  MultinomialLikelihood,
  Norm,
  NormalPrior,
  Objective,
  PoissonLikelihood,
  Pool,
  Prior,
  ReshapeLayer,
  ResidualLayer,
  SaltAndPepperCorruption,
  Scale,
  Sizes,
  TemperatureSchedule,
  Upsample,
  UpsampleLayer,
  VAEConfig,
  Warmup,
} from './options/config.js'
export type { FitOptions } from './options/fit-options.js'
export type { Adagrad, Adam, AdamW, Optimizer, OptimizerName, RMSprop, SGD } from './options/optimizer.js'
export type {
  ConditionOptions,
  DrawOptions,
  EncodeOptions,
  EvaluateOptions,
  GenerateOptions,
  ImputeOptions,
  LogLikelihoodOptions,
  Proposal,
  ReconstructOptions,
  RefineOptions,
  RunOptions,
  SampleOptions,
  SeedOptions,
} from './options/run-options.js'
export type {
  ConstantSchedule,
  CosineSchedule,
  ExponentialSchedule,
  Schedule,
  ScheduleName,
  StepSchedule,
} from './options/schedule.js'
export { lossChart } from './plot/chart.js'
export { type GridOptions, imageGrid, reconstructionGrid } from './plot/png.js'
export type { Cell } from './table/cells.js'
export type { TableRecord } from './table/plan.js'
export type { Column, ColumnType, TableSchema } from './table/schema.js'
export { type ReadOptions, Table, type TableOptions } from './table/table.js'
export type { FlatArray, Tensor } from './tensor.js'
export type { ConfigOf, Evaluation, Refinement, Samples, VAEConstructor } from './vae.js'

/** A variational autoencoder, and what its `encode` gives. */
export type VAE<Of extends Encoding = Encoding> = Class<Of>
export const VAE: VAEConstructor = Class

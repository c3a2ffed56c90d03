/** What `aevb` exports: names only. */

export { type Backend, backend } from './backend.js'
export type { BatchRecord, Callbacks, EpochRecord, History, Losses } from './callbacks.js'
export type {
  ActivationName,
  BernoulliLikelihood,
  DenseLayer,
  GaussianLatent,
  GaussianLikelihood,
  InitializerName,
  Layer,
  Objective,
  VAEConfig,
} from './config.js'
export { Dataset, type MatrixLike } from './data/dataset.js'
export type { FlatArray, Matrix } from './data/matrix.js'
export { type LabelledImages, type Mnist, mnist } from './data/mnist.js'
export { AbortError, VAEError, type VAEErrorCode } from './errors.js'
export type { FitOptions } from './fit-options.js'
export type { Adagrad, Adam, AdamW, Optimizer, OptimizerName, RMSprop, SGD } from './optimizer.js'
export { lossChart } from './plot/chart.js'
export { type GridOptions, imageGrid, reconstructionGrid } from './plot/png.js'
export type { EvaluateOptions, LogLikelihoodOptions, RunOptions, SeedOptions } from './run-options.js'
export type {
  ConstantSchedule,
  CosineSchedule,
  ExponentialSchedule,
  Schedule,
  StepSchedule,
} from './schedule.js'
export type { Tensor } from './tensor.js'
export { type Encoding, type Evaluation, type LogLikelihood, VAE } from './vae.js'

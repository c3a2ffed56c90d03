/** The type of everything that the addon exports, and the loader that finds it. Only this file knows where it lies. */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { availableMemory } from './memory.js'
import type { FlatArray } from './tensor.js'

export type ActivationName =
  | 'identity'
  | 'relu'
  | 'leakyRelu'
  | 'elu'
  | 'gelu'
  | 'silu'
  | 'tanh'
  | 'sigmoid'
  | 'softplus'

export type InitializerName = 'pytorch' | 'glorotUniform' | 'glorotNormal' | 'heUniform' | 'heNormal'

/** A group of latent variables as the core sees it. What a type has no use for holds its default. */
export interface LatentSpec {
  readonly type: 'gaussian' | 'laplace' | 'logistic' | 'categorical' | 'bernoulli'
  /** Dimensions; categorical, bernoulli: variables. */
  readonly units: number
  readonly fullCovariance: boolean
  /** categorical: of each variable. */
  readonly classes: number
  readonly temperature: {
    readonly decay: 'constant' | 'linear' | 'exponential'
    readonly start: number
    readonly end: number
    readonly epochs: number
  }
  readonly straightThrough: boolean
  readonly prior: {
    readonly type: 'standard' | 'normal' | 'mixture'
    readonly learned: boolean
    /** normal: one a dimension; elsewhere empty. */
    readonly mean: readonly number[]
    readonly variance: readonly number[]
    /** mixture; elsewhere 0. */
    readonly components: number
  }
}

export interface LikelihoodSpec {
  readonly type:
    | 'bernoulli'
    | 'continuousBernoulli'
    | 'gaussian'
    | 'laplace'
    | 'categorical'
    | 'multinomial'
    | 'poisson'
  /** Where a Gaussian's variance or a Laplace distribution's scale comes from. */
  readonly dispersion: 'fixed' | 'learned' | 'perFeature' | 'perDatum'
  readonly fixedDispersion: number
  readonly logDispersionBounds: readonly [number, number]
  readonly binarize: 'none' | 'threshold' | 'stochastic'
  /** categorical: of each variable, which add up to the features; elsewhere empty. */
  readonly classes: readonly number[]
  /** categorical: a row of data holds class numbers. */
  readonly codes: boolean
  readonly trials: number
}

export interface ObjectiveSpec {
  readonly beta: number
  readonly samples: number
  readonly bound: 'elbo' | 'iwae' | 'dreg'
  readonly kl: 'analytic' | 'monteCarlo'
  readonly estimator: 'reparameterized' | 'scoreFunction'
  readonly baseline: 'none' | 'movingAverage' | 'leaveOneOut'
  readonly baselineDecay: number
  readonly reconstructionWeight: number
  readonly klWeight: number
  readonly deterministic: boolean
  readonly warmup: {
    readonly type: 'none' | 'linear' | 'cosine' | 'cyclical'
    readonly epochs: number
    readonly cycles: number
    readonly rise: number
  }
  readonly freeBits: { readonly per: 'none' | 'dimension' | 'group'; readonly nats: number }
  /** `weight` 0: not used. */
  readonly capacity: { readonly weight: number; readonly nats: number; readonly epochs: number }
  readonly totalCorrelation: number
  readonly mmd: number
}

/** A model as the core sees it: every field present, every shorthand spelled out (native/core/spec.h). */
export interface ModelSpec {
  /** Features: the columns of the likelihood's heads. */
  readonly input: number
  readonly encoder: readonly { readonly units: number; readonly activation: ActivationName }[]
  readonly latents: readonly LatentSpec[]
  readonly decoder: readonly { readonly units: number; readonly activation: ActivationName }[]
  readonly likelihood: LikelihoodSpec
  readonly objective: ObjectiveSpec
  readonly corruption: { readonly type: 'none' | 'gaussian' | 'masking' | 'saltAndPepper'; readonly amount: number }
  /** `width` 0: the model is not conditional. */
  readonly condition: { readonly width: number; readonly classes: boolean }
  readonly initializer: InitializerName
  readonly seed: number
}

/** How `fit` trains, as the core sees it (native/core/spec.h). */
export interface TrainSpec {
  readonly batchSize: number
  readonly shuffle: boolean
  readonly optimizer: {
    readonly type: 'sgd' | 'adagrad' | 'rmsprop' | 'adam' | 'adamw'
    readonly learningRate: number
    readonly weightDecay: number
    readonly momentum: number
    readonly nesterov: boolean
    readonly beta1: number
    readonly beta2: number
    readonly decay: number
    readonly epsilon: number
    readonly initialAccumulator: number
  }
  readonly schedule: {
    readonly type: 'constant' | 'step' | 'exponential' | 'cosine'
    readonly warmup: number
    readonly every: number
    readonly factor: number
    readonly minimum: number
    readonly epochs: number
  }
  readonly clipNorm: number
  readonly clipValue: number
  readonly precision: 'float32' | 'bfloat16'
}

/** Work on the model's own thread. `cancel` makes the promise reject with an error whose code is 'ABORTED'. */
export interface Job<T> {
  readonly promise: Promise<T>
  cancel(): void
}

export interface Terms {
  /** reconstruction + beta · kl, nats per example */
  readonly loss: number
  readonly reconstruction: number
  readonly kl: number
  readonly examples: number
}

export interface EpochResult extends Terms {
  readonly seconds: number
}

/** The numbers of one training step, as they are passed to batch callbacks and to the progress bar. */
export interface BatchEnd extends Terms {
  /** counted from 0 within the epoch */
  readonly batch: number
}

/** A cell outside its domain. */
export interface BadCell {
  readonly row: number
  readonly column: number
  readonly value: number
}

/** What the cells of rows may be: see Domain in native/core/dataset.h. */
export type DomainName = 'real' | 'unit' | 'counts' | 'oneHot' | 'codes'

/** Rows of numbers owned by the core: a copy, so the caller's memory may change or vanish. */
export interface NativeDataset {
  readonly rows: number
  readonly columns: number
  /** The first cell outside the domain, or null. `classes`: of each variable, for 'oneHot' and 'codes'. */
  check(domain: DomainName, classes: readonly number[]): Job<BadCell | null>
  /** The same on the calling thread. */
  checkNow(domain: DomainName, classes: readonly number[]): BadCell | null
  /** Rows [from, to) of the same memory: nothing is copied. */
  slice(from: number, to: number): NativeDataset
}

export interface NativeModel {
  /** One entry a tensor, in the order of PyTorch's state_dict; weights are [out, in]. */
  readonly parameterTable: readonly { readonly name: string; readonly shape: readonly number[] }[]

  /** Copies, row-major. Waits for nothing: throws where a job is training. */
  readParameters(): Record<string, Float32Array>
  /** All tensors at once, all or none. Throws where a name is missing or a length is wrong, or a job is training. */
  writeParameters(values: Readonly<Record<string, Float32Array>>): void

  /**
   * Begins a `fit`: sets how to train. Optimiser moments and step count are kept where the optimiser is of the same
   * type as before, and begin at zero elsewhere. The schedule's clock starts at 0.
   */
  beginFit(spec: TrainSpec): void
  /** How many epochs the model has been trained in its life. */
  readonly epochsTrained: number

  /**
   * One epoch. `onBatchBegin` and `onBatchEnd` are called on the JavaScript thread, in order, while training goes on;
   * all calls have been made when the promise settles. `batchInterval`: at most one onBatchEnd per that many
   * milliseconds (0: every step), for a progress bar.
   *
   * Rejects with code 'DIVERGED' and properties `epoch` (counted from 1 over the model's life) and `step` (from 1 within
   * the epoch) where the loss or a parameter is not finite. Parameters, moments and counts are then those of the
   * beginning of this epoch, or where its first step shows the damage, of the one before, but never of before beginFit.
   * Rejects with 'ABORTED' after cancel(); the model then holds the last completed step's parameters.
   */
  trainEpoch(
    data: NativeDataset,
    options: {
      readonly threads: number
      readonly batchInterval: number
      readonly onBatchBegin?: (batch: number) => void
      readonly onBatchEnd?: (end: BatchEnd) => void
    } & Conditional,
  ): Job<EpochResult>

  /** `threads` 0 in all of these: as many as pay. */
  evaluate(data: NativeDataset, options: { threads: number; samples: number; seed: number } & Conditional): Job<Terms>
  encode(data: NativeDataset, options: { threads: number } & Conditional): Job<Posteriors>
  /**
   * The same on the calling thread alone, into `heads` and, where it is not null, `mean`. The cells of a typed array are
   * checked first: the first outside the domain is returned, and nothing written. Throws where a job is training.
   */
  encodeNow(
    rows: NativeDataset | FlatArray,
    domain: DomainName,
    classes: readonly number[],
    heads: readonly Float32Array[],
    mean: Float32Array | null,
    condition: NativeDataset | undefined,
  ): BadCell | null
  /** The mean of p(x|z), row-major [rows, features], or with `draw` a draw from it; `z` has the columns of all groups. */
  decode(z: NativeDataset, options: Drawing & Conditional): Job<Float32Array>
  reconstruct(data: NativeDataset, options: Drawing & Conditional): Job<Float32Array>
  /** `z`: [count, columns of all groups]. */
  sample(count: number, options: Drawing & Conditional): Job<{ x: Float32Array; z: Float32Array }>
  /** log p(x) of each row and the variance of that Monte-Carlo estimate (delta method). */
  logLikelihood(
    data: NativeDataset,
    options: { threads: number; samples: number; seed: number } & Conditional,
  ): Job<{ perExample: Float64Array; variance: Float64Array }>
  /** Negative ELBO of each row with z at the posterior mean. */
  anomalyScore(data: NativeDataset, options: { threads: number } & Conditional): Job<Float64Array>
  /** The posteriors after `steps` of gradient ascent on each row's own ELBO, and that bound before and after. */
  refine(
    data: NativeDataset,
    options: { threads: number; steps: number; learningRate: number; samples: number; seed: number } & Conditional,
  ): Job<Posteriors & { before: Float64Array; after: Float64Array }>

  /**
   * The gradient of the loss over all rows as one batch, with the epsilon given ([rows · samples, noise of all groups]) or
   * that of training step `step`. For tests; changes nothing.
   */
  gradient(
    data: NativeDataset,
    options: { threads: number; epsilon?: Float32Array; step?: number } & Conditional,
  ): Job<Terms & { gradients: Record<string, Float32Array> }>
}

/** The condition of each row, of a conditional model. */
interface Conditional {
  readonly condition?: NativeDataset | undefined
}

interface Drawing {
  readonly threads: number
  /** Draws from p(x|z) instead of its mean. */
  readonly draw: boolean
  readonly seed: number
}

/** Of each row: the heads of all groups in their order, [rows, units], and the posterior's mean in z, row-major. */
export interface Posteriors {
  readonly heads: readonly Float32Array[]
  readonly mean: Float32Array
}

export interface NativeAddon {
  readonly Dataset: new (data: FlatArray, columns: number) => NativeDataset
  readonly Model: new (spec: ModelSpec) => NativeModel
  /**
   * Whose answer, in bytes, everything here that allocates compares its need with, if that is not small; where it is
   * less, code 'OUT_OF_MEMORY' is thrown before anything is allocated.
   */
  useAvailableMemory(available: () => number): void
  /** Throws as everything else does where so many bytes are more than there are. */
  afford(bytes: number): void
  /** What making such a model takes at most, in bytes. */
  modelBytes(spec: ModelSpec): number
  /** Throws where AEVB_GEMM or AEVB_ISA names what this build or machine lacks. */
  backend(): {
    gemm: 'builtin' | 'cblas'
    version: string
    core: string
    isa: string
    bfloat16: boolean
    threads: number
  }
  /** FLOP/s that this machine reaches now in a loop of independent fused multiply-adds. Blocks; for benchmarks. */
  peak(threads: number): number
  /**
   * FLOP/s of one product of a layer of `inputs` and `outputs` with so many `rows`, on one thread. Blocks, and while no
   * model is at work; for benchmarks. Throws where this build has no CBLAS.
   */
  product(asked: {
    gemm: 'builtin' | 'cblas'
    product: 'forward' | 'inputGradient' | 'weightGradient'
    rows: number
    inputs: number
    outputs: number
  }): number
}

/** The addon: what AEVB_ADDON names, or what `npm install` built. */
function load(): NativeAddon {
  const root = packageRoot(dirname(fileURLToPath(import.meta.url)))
  const named = process.env.AEVB_ADDON
  const candidates = named
    ? [resolve(named)]
    : ['Release', 'Debug'].map((kind) => join(root, 'build', kind, 'aevb.node'))
  const found = candidates.find((path) => existsSync(path))
  if (!found) {
    throw new Error(
      `The native addon is not built: none of ${candidates.join(', ')} exists. ` +
        'Run `npm install` (or `npm rebuild aevb`) with a C++20 compiler and Python 3 at hand.',
    )
  }
  return createRequire(import.meta.url)(found) as NativeAddon
}

function packageRoot(from: string): string {
  let folder = from
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

export const native: NativeAddon = load()
native.useAvailableMemory(() => availableMemory())

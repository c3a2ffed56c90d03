/** The type of everything that the addon exports, and the loader that finds it. Only this file knows where it lies. */

import { existsSync } from 'node:fs'
import { Module } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VAEError } from './errors.js'
import { here } from './here.js'
import { availableMemory } from './memory.js'
import type {
  ActivationName,
  BaselineName,
  BinarizationName,
  BoundName,
  CorruptionName,
  CovarianceName,
  DispersionName,
  DivergenceName,
  DomainName,
  EstimatorName,
  FreeBitsName,
  InitializerName,
  InterpolationName,
  LayerTypeName,
  LikelihoodName,
  OptimizerName,
  PosteriorName,
  PrecisionName,
  PriorName,
  ProposalName,
  ScaleName,
  ScheduleName,
  TemperatureDecayName,
  WarmupName,
} from './names.js'
import type { FlatArray } from './tensor.js'

/** A group of latent variables as the core sees it. What a type has no use for holds its default. */
export interface LatentSpec {
  readonly type: PosteriorName
  /** Dimensions; categorical, bernoulli: variables. */
  readonly units: number
  readonly fullCovariance: boolean
  /** categorical: of each variable. */
  readonly classes: number
  readonly temperature: {
    readonly decay: TemperatureDecayName
    readonly start: number
    readonly end: number
    readonly epochs: number
  }
  readonly straightThrough: boolean
  readonly prior: {
    readonly type: PriorName
    readonly learned: boolean
    /** normal: one a dimension; elsewhere empty. */
    readonly mean: readonly number[]
    readonly variance: readonly number[]
    /** mixture; elsewhere 0. */
    readonly components: number
  }
}

export interface LikelihoodSpec {
  /** Columns of the likelihood's first head. */
  readonly columns: number
  readonly type: LikelihoodName
  /** Where a Gaussian's variance or a Laplace distribution's scale comes from. */
  readonly dispersion: DispersionName
  readonly fixedDispersion: number
  readonly logDispersionBounds: readonly [number, number]
  readonly binarize: BinarizationName
  /** categorical: of each variable, which add up to the features; elsewhere empty. */
  readonly classes: readonly number[]
  /** categorical: a row of data holds class numbers. */
  readonly codes: boolean
  /** Variables of codes: as many as `classes`, if that is not empty; else 0. */
  readonly variables: number
  /** Cells of the data may be missing: NaN. */
  readonly missing: boolean
  readonly trials: number
  readonly covariance: CovarianceName
  /** lowRank; elsewhere 0. */
  readonly rank: number
}

export interface ObjectiveSpec {
  readonly beta: number
  readonly samples: number
  readonly bound: BoundName
  readonly kl: DivergenceName
  readonly estimator: EstimatorName
  readonly baseline: BaselineName
  readonly baselineDecay: number
  readonly reconstructionWeight: number
  readonly klWeight: number
  readonly deterministic: boolean
  readonly warmup: {
    readonly type: WarmupName
    readonly epochs: number
    readonly cycles: number
    readonly rise: number
  }
  readonly freeBits: { readonly per: FreeBitsName; readonly nats: number }
  /** `weight` 0: not used. */
  readonly capacity: { readonly weight: number; readonly nats: number; readonly epochs: number }
  readonly totalCorrelation: number
  readonly mmd: number
}

/** A number for depth, height and width; 1 (of a padding 0) for a dimension that the data lack. */
export type ExtentSpec = readonly [number, number, number]

export interface WindowSpec {
  readonly kernel: ExtentSpec
  readonly stride: ExtentSpec
  readonly dilation: ExtentSpec
  readonly paddingBefore: ExtentSpec
  readonly paddingAfter: ExtentSpec
  /** Spatial ones: 1, 2 or 3. */
  readonly dimensions: number
}

/** A layer as the core sees it. `name`: of its tensors behind that of the stack. */
export type LayerSpec = { readonly name: string } & (
  | { readonly type: 'dense'; readonly units: number; readonly activation: ActivationName }
  | {
      readonly type: 'conv' | 'convTranspose'
      readonly channels: number
      readonly window: WindowSpec
      readonly outputPadding: ExtentSpec
      readonly groups: number
      readonly bias: boolean
    }
  | { readonly type: 'activation'; readonly activation: ActivationName }
  | { readonly type: 'batchNorm'; readonly momentum: number; readonly epsilon: number }
  | { readonly type: 'layerNorm'; readonly epsilon: number; readonly dimensions: number }
  | { readonly type: 'groupNorm'; readonly groups: number; readonly epsilon: number }
  | { readonly type: 'maxPool' | 'avgPool'; readonly window: WindowSpec; readonly global: boolean }
  | { readonly type: 'upsample'; readonly extent: ExtentSpec; readonly interpolation: InterpolationName }
  | { readonly type: 'dropout'; readonly rate: number; readonly wholeChannels: boolean }
  | { readonly type: 'embedding'; readonly codes: number; readonly units: number }
  | { readonly type: 'flatten' }
  | { readonly type: 'reshape'; readonly channels: number; readonly extent: ExtentSpec; readonly dimensions: number }
  | { readonly type: 'residual'; readonly layers: readonly LayerSpec[]; readonly dimensions: number }
)

/** A model as the core sees it: every field present, every shorthand spelled out (native/core/spec/spec.h). */
export interface ModelSpec {
  /** Features: the columns of the likelihood's heads. */
  readonly input: number
  /** The data as images: channels, depth, height, width; `dimensions` 0: rows of numbers. */
  readonly image: {
    readonly channels: number
    readonly extent: ExtentSpec
    readonly dimensions: number
    /** A row holds the channels of the first position, then those of the second. */
    readonly positionsFirst: boolean
  }
  readonly encoder: readonly LayerSpec[]
  readonly latents: readonly LatentSpec[]
  readonly decoder: readonly LayerSpec[]
  /** What a head of as many outputs as features begins with, instead of a dense layer. */
  readonly likelihoodHead: readonly LayerSpec[]
  /** Parts side by side, whose columns add up to `input`. */
  readonly likelihoods: readonly LikelihoodSpec[]
  readonly objective: ObjectiveSpec
  readonly corruption: { readonly type: CorruptionName; readonly amount: number }
  /** `width` 0: the model is not conditional. */
  readonly condition: { readonly width: number; readonly classes: boolean }
  /** See native/core/model/scaling.h. */
  readonly scale: ScaleName
  readonly initializer: InitializerName
  readonly seed: number
}

/** How `fit` trains, as the core sees it (native/core/spec/spec.h). */
export interface TrainSpec {
  readonly batchSize: number
  readonly shuffle: boolean
  readonly optimizer: {
    readonly type: OptimizerName
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
    readonly type: ScheduleName
    readonly warmup: number
    readonly every: number
    readonly factor: number
    readonly minimum: number
    readonly epochs: number
  }
  readonly clipNorm: number
  readonly clipValue: number
  readonly precision: PrecisionName
}

/** Work on another thread. `cancel` makes the promise reject with an error whose code is 'ABORTED'. */
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
  /** The reconstruction of each part of a likelihood that has several; else empty. */
  readonly parts: readonly number[]
}

export interface EpochResult extends Terms {
  readonly seconds: number
}

/** The numbers of one training step, as they are passed to batch callbacks and to the progress bar. */
export interface BatchEnd extends Terms {
  /** counted from 0 within the epoch */
  readonly batch: number
}

/**
 * What the cells of the columns [first, first + count) may be. `classes`: of each variable, for 'oneHot' and 'codes'.
 * `missing`: NaN is a missing cell, which is no bad one.
 */
export type CellCheck = [domain: DomainName, classes: readonly number[], first: number, count: number, missing: boolean]

/** A cell outside its domain. */
export interface BadCell {
  readonly row: number
  readonly column: number
  readonly value: number
}

/**
 * What the cells of rows may be: any finite number; one within [0, 1]; integers of at least 0; 0 or 1, with one 1 among
 * each variable's columns; class numbers. See Domain in native/core/data/dataset.h.
 */

/** Rows of numbers owned by the core: a copy, so the caller's memory may change or vanish. */
export interface NativeDataset {
  readonly rows: number
  readonly columns: number
  /** The first cell outside the domain, or null. */
  check(...check: CellCheck): Job<BadCell | null>
  /** The same on the calling thread. */
  checkNow(...check: CellCheck): BadCell | null
  /** Rows [from, to) of the same memory: nothing is copied. */
  slice(from: number, to: number): NativeDataset
  /** Gives the memory back, once no job and no slice uses it. All but `rows` and `columns` throws 'DISPOSED' from then on. */
  dispose(): void
}

/** See native/binding/layout.h. */
export interface NativeLayout {
  /** Columns of a row of data: of numbers, or of class numbers. */
  /** The domain of each part of the likelihood. */
  readonly domains: readonly DomainName[]
  /** The tensors, as the `state_dict` of the same network in PyTorch names and shapes them. */
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Numbers in all of them; Infinity if that is more than can be counted. */
  readonly elements: number
  /** In the order of the forward pass. Shapes are [channels, ...spatial]. */
  readonly layers: readonly {
    readonly name: string
    readonly type: LayerTypeName
    readonly input: readonly number[]
    readonly output: readonly number[]
    /** Multiplications and additions for one row, forward. */
    readonly operations: number
  }[]
  /** Columns of z. */
  readonly latentWidth: number
}

export interface NativeModel {
  /** What training with batches of so many rows takes with Adam, beside the data: bytes. */
  trainingBytes(batchSize: number): number
  /** One entry a tensor, in the order of PyTorch's state_dict; weights are [out, in]. */
  readonly parameterTable: readonly { readonly name: string; readonly shape: readonly number[] }[]

  /** Copies, row-major. Does not wait: throws if a job is training. */
  readParameters(): Record<string, Float32Array<ArrayBuffer>>
  /** All tensors at once, all or none. Throws if a name is missing or a length is wrong, or a job is training. */
  writeParameters(values: Readonly<Record<string, Float32Array>>): void

  /**
   * Begins a `fit`: sets how to train. Optimiser moments and step count are kept if the optimiser is of the same
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
   * the epoch) if the loss or a parameter is not finite. Parameters, moments and counts are then those of the
   * beginning of this epoch, or if its first step shows the damage, of the one before, but never of before beginFit.
   * `cell` is then the step's number that lies farthest from the others of its column, if that is far: a FarCell of
   * native/core/model/scaling.h. Rejects with code 'UNSUITABLE_COLUMN' and the fields of an UnsuitableColumn there, if the
   * model has yet to learn its columns' scale from these rows and float32 cannot hold it.
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
  /** With `draw` also a draw of z, which `seed` decides. */
  encode(data: NativeDataset, options: Drawing & Conditional): Job<Posteriors>
  /**
   * The same on the calling thread alone, into `heads` and, if they are not null, `mean` and a draw `z`. The cells of a typed array are
   * checked first: the first outside the domain is returned, and nothing written. Throws if a job is training.
   */
  encodeNow(
    rows: NativeDataset | FlatArray,
    heads: readonly Float32Array[],
    mean: Float32Array | null,
    condition: NativeDataset | FlatArray | undefined,
    z: Float32Array<ArrayBuffer> | null,
    seed: number,
  ): BadCell | null
  /** The mean of p(x|z), row-major [rows, features], or with `draw` a draw from it; `z` has the columns of all groups. */
  decode(z: NativeDataset, options: Drawing & Conditional): Job<Float32Array<ArrayBuffer>>
  /** `drawLatent`: of a draw from q(z|x), which `seed` decides too. */
  reconstruct(
    data: NativeDataset,
    options: Drawing & { drawLatent: boolean } & Conditional,
  ): Job<Float32Array<ArrayBuffer>>
  /** `z`: [count, columns of all groups]. */
  sample(
    count: number,
    options: Drawing & Conditional,
  ): Job<{ x: Float32Array<ArrayBuffer>; z: Float32Array<ArrayBuffer> }>
  /** log p(x) of each row by importance sampling. `mostSamples`: up to which a row's draws are doubled. */
  logLikelihood(
    data: NativeDataset,
    options: {
      threads: number
      samples: number
      mostSamples: number
      proposal: ProposalName
      seed: number
    } & Conditional,
  ): Job<LikelihoodEstimates>
  /** log p(x) of each row by a sum over all states of z. Throws if z is not discrete throughout. */
  exactLogLikelihood(
    data: NativeDataset,
    options: { threads: number; seed: number } & Conditional,
  ): Job<Float64Array<ArrayBuffer>>
  /** Negative ELBO of each row with z at the posterior mean. */
  anomalyScore(data: NativeDataset, options: { threads: number } & Conditional): Job<Float64Array<ArrayBuffer>>
  /** [max(draws, 1), rows, columns of the data]: see native/core/infer/impute.h. */
  impute(
    data: NativeDataset,
    options: { threads: number; samples: number; draws: number; seed: number } & Conditional,
  ): Job<Float32Array<ArrayBuffer>>
  /** The posteriors after `steps` of ascent on each row's own ELBO, and that bound before and after. */
  refine(
    data: NativeDataset,
    options: { threads: number; steps: number; learningRate: number; samples: number; seed: number } & Conditional,
  ): Job<Posteriors & { before: Float64Array<ArrayBuffer>; after: Float64Array<ArrayBuffer> }>

  /**
   * Cancels all jobs, which reject with 'DISPOSED', and gives the memory back when they have stopped. Everything else
   * throws 'DISPOSED' from then on.
   */
  dispose(): void
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

/** For each row: the heads of all groups in their order, [rows, units], and the posterior's mean in z, row-major. */
export interface Posteriors {
  readonly heads: readonly Float32Array<ArrayBuffer>[]
  readonly mean: Float32Array<ArrayBuffer>
  /** [rows, columns of z], if it was asked for. */
  readonly z?: Float32Array<ArrayBuffer>
}

/** One of each for each row: see WeightSummary in native/core/infer/importance_weights.h. */
export interface LikelihoodEstimates {
  readonly perExample: Float64Array<ArrayBuffer>
  /** The variance of that estimate. */
  readonly variance: Float64Array<ArrayBuffer>
  readonly effectiveSamples: Float64Array<ArrayBuffer>
  readonly paretoK: Float64Array<ArrayBuffer>
  readonly samples: Float64Array<ArrayBuffer>
  /** 0 or 1 */
  readonly reliable: Uint8Array<ArrayBuffer>
}

export interface NativeAddon {
  readonly Dataset: new (data: FlatArray, columns: number) => NativeDataset
  readonly Model: new (spec: ModelSpec) => NativeModel
  /** What `checkNow` of a Dataset of these rows would say. Blocks. */
  checkArray(rows: FlatArray, columns: number, ...check: CellCheck): BadCell | null
  /**
   * Fills `out`, of the kind of `from`, with number [i, j, ...] of the shape, row-major: from[offset + i · strides[0] +
   * j · strides[1] + ...].
   */
  gather(out: FlatArray, from: FlatArray, shape: readonly number[], strides: readonly number[], offset: number): void
  /**
   * Whose answer, in bytes, everything here that allocates compares its need with, if that is not small; if it is less,
   * code 'OUT_OF_MEMORY' is thrown before anything is allocated.
   */
  useAvailableMemory(available: () => number): void
  /** Throws if AEVB_GEMM or AEVB_ISA names what this build or machine lacks. */
  layout(spec: ModelSpec): NativeLayout
  backend(): {
    gemm: 'builtin' | 'cblas'
    version: string
    core: string
    isa: string
    bfloat16: boolean
    threads: number
  }
}

/** What each package manager runs an install script with that it has held back, or that has failed. */
const BUILD_AN_INSTALLED =
  'Its install script has not run or has failed. It needs a C++20 compiler and Python 3; run `npm rebuild aevb` (npm), ' +
  '`pnpm approve-builds` and `pnpm rebuild aevb` (pnpm), `bun pm trust aevb` (bun), or `yarn rebuild aevb` with ' +
  '"dependenciesMeta": { "aevb": { "built": true } } in package.json (yarn)'
const BUILD_A_CLONE = 'Run `npm run build` there, with a C++20 compiler and Python 3 at hand'
const SHIP_WITH_A_BUNDLE =
  "Copy the package's build/Release/aevb.node beside the bundle, or let AEVB_ADDON hold its path when the program runs"

/** The addon: what AEVB_ADDON names, or what the package's install script built, or what lies beside a bundle. */
function load(): NativeAddon {
  const named = process.env.AEVB_ADDON
  const candidates = named ? [resolve(named)] : places()
  const found = candidates.find((path) => existsSync(path))
  if (!found) {
    const missing = `none of ${candidates.join(', ')} exists`
    const message = named
      ? `AEVB_ADDON names no file: ${resolve(named)} does not exist`
      : `The native addon is not built: ${missing}. ${advice()}`
    throw new VAEError('ADDON_MISSING', message)
  }
  let addon: Partial<NativeAddon>
  try {
    // By this name, because webpack takes a plain `createRequire` for a module that it should include.
    addon = Module.createRequire(found)(found)
  } catch (error) {
    const message = `The native addon ${found} cannot be loaded: ${(error as Error).message}`
    throw new VAEError('ADDON_INVALID', message, { cause: error })
  }
  if (!addon?.Model) throw new VAEError('ADDON_INVALID', `${found} is not the native addon of aevb`)
  return addon as NativeAddon
}

function places(): string[] {
  // Spelt out in this form, which bundlers and tracers of files recognise as a file that the program needs.
  const release = import.meta.url ? new URL('../build/Release/aevb.node', import.meta.url) : fromHere(RELEASE)
  return [release, fromHere('../build/Debug/aevb.node'), fromHere('aevb.node')].map((url) => fileURLToPath(url))
}

const RELEASE = '../build/Release/aevb.node'

function fromHere(path: string): URL {
  return new URL(path, here)
}

function advice(): string {
  // The build's description lies in every copy of the package, and not above a bundle.
  if (!existsSync(fromHere('../binding.gyp'))) return SHIP_WITH_A_BUNDLE
  return /[\\/]node_modules[\\/]/.test(fileURLToPath(here)) ? BUILD_AN_INSTALLED : BUILD_A_CLONE
}

export const native: NativeAddon = load()
native.useAvailableMemory(() => availableMemory())

/** What a model is, as plain JSON: its type, its checks, and its translation into what the core takes. */

import type { Domain } from '../data/dataset.js'
import { expected } from '../errors.js'
import type { ActivationName, DomainName, InitializerName } from '../names.js'
import type { LatentSpec, LikelihoodSpec, ModelSpec } from '../native.js'
import { parse } from '../schema.js'
import { TablePlan } from '../table/plan.js'
import { isTableSchema, type TableSchema } from '../table/schema.js'
import { type Condition, conditionSpec } from './config/condition.js'
import { type Corruption, corruptionSpec } from './config/corruption.js'
import { imageSpec } from './config/image.js'
import { type LatentConfig, latentGroups, latentSpec, priorOfDimensions } from './config/latent.js'
import { headSpecs, type LayerContext, layerSpecs } from './config/layer-specs.js'
import type { Layer } from './config/layers.js'
import {
  classesOfVariables,
  type Likelihood,
  type LikelihoodName,
  type LikelihoodPart,
  likelihoodParts,
  likelihoodSpec,
  mayMiss,
  type NamedLikelihood,
} from './config/likelihood.js'
import { type Mirrored, mirror } from './config/mirror.js'
import { type Objective, objectiveSpec } from './config/objective.js'
import { type Scale, scaleSpec } from './config/scale.js'
import { configSchema } from './config-schema.js'
import { type Layout, layoutOf } from './layout.js'

export type { ActivationName, InitializerName } from '../names.js'
export type { ClassCondition, Condition } from './config/condition.js'
export type {
  Corruption,
  GaussianCorruption,
  MaskingCorruption,
  SaltAndPepperCorruption,
} from './config/corruption.js'
export type {
  BernoulliLatent,
  CategoricalLatent,
  GaussianLatent,
  LaplaceLatent,
  Latent,
  LatentConfig,
  LogisticLatent,
  MixturePrior,
  NormalPrior,
  Prior,
  TemperatureSchedule,
} from './config/latent.js'
export type {
  ActivationLayer,
  AvgPoolLayer,
  BatchNormLayer,
  ConvLayer,
  ConvTransposeLayer,
  DenseLayer,
  DropoutLayer,
  EmbeddingLayer,
  FlattenLayer,
  GroupNormLayer,
  Layer,
  LayerNormLayer,
  LikelihoodHead,
  MaxPoolLayer,
  Norm,
  Pool,
  ReshapeLayer,
  ResidualLayer,
  Sizes,
  Upsample,
  UpsampleLayer,
} from './config/layers.js'
export type {
  BernoulliLikelihood,
  CategoricalLikelihood,
  ContinuousBernoulliLikelihood,
  GaussianLikelihood,
  LaplaceLikelihood,
  Likelihood,
  LikelihoodName,
  LikelihoodPart,
  MultinomialLikelihood,
  PoissonLikelihood,
} from './config/likelihood.js'
export type {
  Capacity,
  CosineWarmup,
  CyclicalWarmup,
  FreeBits,
  LinearWarmup,
  Objective,
  Warmup,
} from './config/objective.js'
export type { Scale } from './config/scale.js'

/**
 * A model. Every field is optional; the default is the reference model, 784-200-10-200-784 for MNIST.
 * Plain JSON: what is passed is what `config.json` holds.
 */
export interface VAEConfig {
  /**
   * Columns of a row of data, or its shape [channels, ...spatial] such as [1, 28, 28]; or the schema of a table, from which
   * `likelihood`, `missing: true` and `scale: 'standard'` follow. Default: 784.
   */
  readonly input?: number | readonly number[] | TableSchema | undefined
  /** Layers from the data towards the latent space; may be empty. Default: [200]. */
  readonly encoder?: readonly Layer[] | undefined
  /**
   * The posterior and the prior: a group of latent variables, or several whose variables stand side by side in z; a number
   * is a diagonal Gaussian of so many units. Default: 10.
   */
  readonly latent?: LatentConfig | undefined
  /** Layers from the latent space towards the data; may be empty; 'mirror': the reverse of the encoder. Default: [200]. */
  readonly decoder?: readonly Layer[] | 'mirror' | undefined
  /** The activation of every layer that names none of its own. Default: 'relu'. */
  readonly activation?: ActivationName | undefined
  /**
   * p(x|z); a name is that likelihood with its defaults. An array: parts side by side, each of its own columns of a row, in
   * their order. Default: 'bernoulli'.
   */
  readonly likelihood?: LikelihoodName | Likelihood | readonly LikelihoodPart[] | undefined
  /** What is minimised. Default: the negative evidence lower bound, with one draw of z and the KL divergence's closed form. */
  readonly objective?: Objective | undefined
  /** What the encoder sees in training. Default: the data as they are. */
  readonly corruption?: Corruption | undefined
  /** What is known of each row beside its data, given to encoder and decoder. Default: nothing. */
  readonly condition?: Condition | undefined
  /**
   * Whether cells of the data may be missing, which NaN says. They are no part of the loss, whatever a model of them says;
   * the encoder sees 0 in their place, and beside the row a column for each cell that says whether it is there (x ⊙ mask
   * and mask, Mattei and Frellsen 2019). Not for multinomial and one-hot data and covariances. Default: false.
   */
  readonly missing?: boolean | undefined
  /** What happens to the columns of the data on their way to the network: see {@link Scale}. Default: 'auto'. */
  readonly scale?: Scale | undefined
  /**
   * How parameters begin. 'pytorch' is `nn.Linear`'s default; glorot is Glorot and Bengio 2010, he is He et al. 2015, both
   * with zero biases. Default: 'pytorch'.
   */
  readonly initializer?: InitializerName | undefined
  /** Decides initialisation, shuffling and every draw in training: a safe integer of at least 0. Default: 0. */
  readonly seed?: number | undefined
}

/** More parameters than this do not fit one Float32Array, nor any machine that would train them here. */
const MOST_PARAMETERS = 2 ** 31

/** A model's config, checked and spelled out. */
export interface ParsedConfig {
  /** What was passed, as JSON keeps it; frozen at every depth. */
  readonly config: VAEConfig
  /** The shape of one row of data. */
  readonly inputShape: readonly number[]
  /** Columns of a row of data; `spec.input` if they are not class numbers, which the core spreads out to one-hot. */
  readonly dataColumns: number
  /** What the data's cells may be. */
  readonly domain: Domain
  readonly spec: ModelSpec
  /** What follows from it: tensors, layers, the width of z. */
  readonly layout: Layout
  /** How records become rows, if `input` is the schema of a table. */
  readonly tablePlan: TablePlan | undefined
}

/** Throws a TypeError or RangeError that names the field which is wrong. */
export function parseConfig(passed: unknown): ParsedConfig {
  const config = parse(configSchema, passed, 'the config of VAE')
  const table = isTableSchema(config.input) ? planOf(config.input, config.likelihood) : undefined
  const input = isTableSchema(config.input) ? table?.columns.length : config.input
  const inputShape = typeof input === 'object' ? input : [input ?? 784]
  if (inputShape.length === 0) {
    throw new RangeError(expected('a shape of at least one dimension', 'input', config.input))
  }
  const dataColumns = inputShape.reduce((product, size) => product * size, 1)
  if (dataColumns >= 2 ** 31) throw new RangeError(expected('fewer than 2^31 features', 'input', config.input))
  const { activation = 'relu' } = config
  const parts = likelihoodParts(config.likelihood ?? table?.likelihood ?? 'bernoulli', dataColumns)
  const missing = config.missing ?? table !== undefined
  const likelihoods = parts.map((part) => ({ ...likelihoodSpec(part), missing: missing && mayMiss(part) }))
  const alone = parts.length === 1 ? parts[0]?.likelihood : undefined
  const groups = latentGroups(config.latent ?? 10)
  const latents = groups.map((named) => ({ ...named, spec: latentSpec(named) }))
  const image = imageSpec(input, alone)
  const context = { dimensions: image.dimensions, activation, codes: image.positionsFirst ? image.channels : 0 }
  const encoderLayers = config.encoder ?? [200]
  const withoutDecoder: ModelSpec = {
    input: likelihoods.reduce((sum, { columns }) => sum + columns, 0),
    image,
    encoder: layerSpecs(encoderLayers, context, 'encoder'),
    latents: latents.map(({ spec }) => spec),
    decoder: [],
    likelihoodHead: [],
    likelihoods,
    objective: objectiveSpec(config.objective ?? {}, latents),
    corruption: corruptionSpec(config.corruption),
    condition: conditionSpec(config.condition),
    // The columns of a table are no pixels.
    scale: scaleSpec(
      config.scale ?? (table && likelihoods.some(({ type }) => type === 'gaussian') ? 'standard' : 'auto'),
      likelihoods.map(({ type }) => type),
    ),
    initializer: config.initializer ?? 'pytorch',
    seed: config.seed ?? 0,
  }
  const { decoder, head } = decoderOf(config.decoder ?? [200], encoderLayers, inputShape, withoutDecoder, context)
  const outline: ModelSpec = {
    ...withoutDecoder,
    decoder: layerSpecs(decoder, context, 'decoder'),
    likelihoodHead: headSpecs(alone?.head ?? head, context),
  }
  const layout = layoutOf(outline)
  if (layout.elements > MOST_PARAMETERS) {
    throw new RangeError(expected('a model of at most 2^31 parameters', 'the layers together', layout.elements))
  }
  // Lists as long as the model is wide are made when it is known to be of a size that can be.
  const spec: ModelSpec = {
    ...outline,
    latents: groups.map(({ group }, i) => {
      const latent = outline.latents[i] as LatentSpec
      return { ...latent, prior: { ...latent.prior, ...priorOfDimensions(group) } }
    }),
    likelihoods: parts.map(({ likelihood }, i) => {
      const part = likelihoods[i] as LikelihoodSpec
      return { ...part, classes: classesOfVariables(likelihood, part.columns) }
    }),
  }
  return {
    config: deepFreeze(JSON.parse(JSON.stringify(config)) as VAEConfig),
    inputShape,
    dataColumns,
    domain: spec.likelihoods.map(({ classes, type: likelihood }, i) => {
      const { columns } = parts[i] as NamedLikelihood
      return { type: layout.domains[i] as DomainName, classes, columns, missing, likelihood }
    }),
    spec,
    layout,
    tablePlan: table,
  }
}

/** The likelihoods of a table follow from its columns. */
function planOf(schema: TableSchema, likelihood: VAEConfig['likelihood']): TablePlan {
  if (likelihood !== undefined) {
    throw new RangeError(expected("nothing beside a table's schema, which says it,", 'likelihood', likelihood))
  }
  return new TablePlan(JSON.parse(JSON.stringify(schema)) as TableSchema)
}

function decoderOf(
  decoder: readonly Layer[] | 'mirror',
  encoder: readonly Layer[],
  inputShape: readonly number[],
  spec: ModelSpec,
  context: LayerContext,
): Mirrored {
  if (decoder !== 'mirror') return { decoder, head: undefined }
  return mirror(encoder, [spec.image.channels, ...inputShape.slice(1)], (layers) => {
    // The first layer of the posterior reads what the layers before it make; an image it flattens.
    const part = layerSpecs(layers, context, 'encoder')
    const { layers: known } = layoutOf({ ...spec, encoder: part })
    const first = known.findIndex(({ name }) => name.startsWith('latent.'))
    const before = known[first - 1]
    const shape = (before?.type === 'flatten' ? before.input : known[first]?.input) ?? []
    // A single position is not flattened.
    return shape.length === 1 ? [...shape, ...new Array<number>(context.dimensions).fill(1)] : shape
  })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child)
    Object.freeze(value)
  }
  return value
}

// biome-ignore-all format: generated
/** The names of every list of kinds. `node scripts/names.mjs` wrote this from native/core/spec/names.def. */

export const activationNames = [
  'identity',
  'relu',
  'leakyRelu',
  'elu',
  'gelu',
  'silu',
  'tanh',
  'sigmoid',
  'softplus',
] as const
export type ActivationName = (typeof activationNames)[number]

export const initializerNames = [
  'pytorch',
  'glorotUniform',
  'glorotNormal',
  'heUniform',
  'heNormal',
] as const
export type InitializerName = (typeof initializerNames)[number]

export const layerTypeNames = [
  'dense',
  'conv',
  'convTranspose',
  'activation',
  'batchNorm',
  'layerNorm',
  'groupNorm',
  'maxPool',
  'avgPool',
  'upsample',
  'dropout',
  'embedding',
  'flatten',
  'reshape',
  'residual',
] as const
export type LayerTypeName = (typeof layerTypeNames)[number]

export const interpolationNames = [
  'nearest',
  'linear',
] as const
export type InterpolationName = (typeof interpolationNames)[number]

export const posteriorNames = [
  'gaussian',
  'laplace',
  'logistic',
  'categorical',
  'bernoulli',
] as const
export type PosteriorName = (typeof posteriorNames)[number]

export const priorNames = [
  'standard',
  'normal',
  'mixture',
] as const
export type PriorName = (typeof priorNames)[number]

export const temperatureDecayNames = [
  'constant',
  'linear',
  'exponential',
] as const
export type TemperatureDecayName = (typeof temperatureDecayNames)[number]

export const likelihoodNames = [
  'bernoulli',
  'continuousBernoulli',
  'gaussian',
  'laplace',
  'categorical',
  'multinomial',
  'poisson',
] as const
export type LikelihoodName = (typeof likelihoodNames)[number]

export const dispersionNames = [
  'fixed',
  'learned',
  'perFeature',
  'perDatum',
] as const
export type DispersionName = (typeof dispersionNames)[number]

export const covarianceNames = [
  'diagonal',
  'full',
  'lowRank',
] as const
export type CovarianceName = (typeof covarianceNames)[number]

export const binarizationNames = [
  'none',
  'threshold',
  'stochastic',
] as const
export type BinarizationName = (typeof binarizationNames)[number]

export const boundNames = [
  'elbo',
  'iwae',
  'dreg',
] as const
export type BoundName = (typeof boundNames)[number]

export const divergenceNames = [
  'analytic',
  'monteCarlo',
] as const
export type DivergenceName = (typeof divergenceNames)[number]

export const estimatorNames = [
  'reparameterized',
  'scoreFunction',
] as const
export type EstimatorName = (typeof estimatorNames)[number]

export const baselineNames = [
  'none',
  'movingAverage',
  'leaveOneOut',
] as const
export type BaselineName = (typeof baselineNames)[number]

export const warmupNames = [
  'none',
  'linear',
  'cosine',
  'cyclical',
] as const
export type WarmupName = (typeof warmupNames)[number]

export const freeBitsNames = [
  'none',
  'dimension',
  'group',
] as const
export type FreeBitsName = (typeof freeBitsNames)[number]

export const corruptionNames = [
  'none',
  'gaussian',
  'masking',
  'saltAndPepper',
] as const
export type CorruptionName = (typeof corruptionNames)[number]

export const scaleNames = [
  'none',
  'auto',
  'standard',
  'log',
] as const
export type ScaleName = (typeof scaleNames)[number]

export const optimizerNames = [
  'sgd',
  'adagrad',
  'rmsprop',
  'adam',
  'adamw',
] as const
export type OptimizerName = (typeof optimizerNames)[number]

export const scheduleNames = [
  'constant',
  'step',
  'exponential',
  'cosine',
] as const
export type ScheduleName = (typeof scheduleNames)[number]

export const precisionNames = [
  'float32',
  'bfloat16',
] as const
export type PrecisionName = (typeof precisionNames)[number]

export const domainNames = [
  'real',
  'unit',
  'counts',
  'oneHot',
  'codes',
] as const
export type DomainName = (typeof domainNames)[number]

export const proposalNames = [
  'posterior',
  'defensive',
  'refined',
] as const
export type ProposalName = (typeof proposalNames)[number]

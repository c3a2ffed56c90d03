/** The checks of a model's config, field by field. What fields mean together is checked where they become a spec. */

import { initializerNames } from '../names.js'
import { boolean, integer, list, oneOf, optional, options, pick, type Schema } from '../schema.js'
import { isTableSchema, type TableSchema, tableSchema } from '../table/schema.js'
import { conditionSchema } from './config/condition.js'
import { corruptionSchema } from './config/corruption.js'
import { latentSchema } from './config/latent.js'
import { activationSchema, type Layer, layersSchema } from './config/layers.js'
import { likelihoodSchema } from './config/likelihood.js'
import { positive } from './config/numbers.js'
import { objectiveSchema } from './config/objective.js'
import { scaleSchema } from './config/scale.js'
import type { VAEConfig } from './config.js'

const shape = list('a number of features or a shape [channels, ...spatial]', positive)
const input = pick((value) => {
  if (isTableSchema(value)) return tableSchema
  return typeof value === 'number' ? positive : shape
}) as Schema<number | readonly number[] | TableSchema>

const mirrored = oneOf(['mirror'])
const decoder = pick((value) => (typeof value === 'string' ? mirrored : layersSchema)) as Schema<
  readonly Layer[] | 'mirror'
>

export const configSchema = options<VAEConfig>('an object', {
  input: optional(input),
  encoder: optional(layersSchema),
  latent: optional(latentSchema),
  decoder: optional(decoder),
  activation: optional(activationSchema),
  likelihood: optional(likelihoodSchema),
  missing: optional(boolean()),
  objective: optional(objectiveSchema),
  corruption: optional(corruptionSchema),
  condition: optional(conditionSchema),
  scale: optional(scaleSchema),
  initializer: optional(oneOf(initializerNames)),
  seed: optional(integer('a safe integer of at least 0', 0)),
})

/** Charts, as SVG. */

import { expected } from '../errors.js'
import type { History } from '../history.js'
import { atLeast, instance, list, number, optional, options, parse, pick, record, type Schema } from '../schema.js'

const loss = number('a finite number')
/** What a chart needs of a {@link History}. */
interface Curve {
  readonly epochs: readonly { epoch: number; loss: number; validation?: { loss: number | null } | undefined }[]
}
const infinite = instance<number | null>('Infinity', (value) => value === Number.POSITIVE_INFINITY || value === null)
const losses = atLeast<{ loss: number | null }>('an object with a loss', {
  // `fit` itself records such a loss of validation rows, though never of training, and JSON makes null of it.
  loss: pick((input) => (input === Number.POSITIVE_INFINITY || input === null ? infinite : loss)) as Schema<number>,
})
const epoch = atLeast<Curve['epochs'][number]>("an epoch's record", {
  epoch: number('a finite number'),
  loss,
  validation: optional(losses),
})
const schema = options<{ history: Curve; others: Readonly<Record<string, readonly number[]>> }>('arguments', {
  history: atLeast<Curve>('a History', { epochs: list("an array of epochs' records", epoch) }),
  others: record('an object of arrays of numbers', list('an array of numbers', loss)),
})
/** The curves of the history itself. */
const OWN = ['training', 'validation']

/**
 * An SVG of the loss over the epochs, and of the validation's if there is one. `others` are further curves by name,
 * one value an epoch from epoch 1 on, such as the losses of another program. A validation loss of Infinity has no point. The
 * history may have been through JSON, which makes null of Infinity.
 *
 * @throws TypeError or RangeError that names what is wrong with an argument.
 */
export async function lossChart(
  history: History,
  others: Readonly<Record<string, readonly number[]>> = {},
): Promise<string> {
  parse(schema, { history, others }, 'lossChart')
  const taken = OWN.find((name) => Object.hasOwn(others, name))
  if (taken) throw new RangeError(expected(`other names than ${OWN.join(' and ')}`, 'others', taken))
  const curves = [
    {
      name: 'training',
      points: history.epochs.map(({ epoch, loss }) => ({ epoch, loss })),
    },
    {
      name: 'validation',
      points: history.epochs.flatMap(({ epoch, validation }) =>
        validation ? [{ epoch, loss: finiteOrNaN(validation.loss) }] : [],
      ),
    },
    ...Object.entries(others).map(([name, losses]) => ({
      name,
      points: losses.map((loss, i) => ({ epoch: i + 1, loss })),
    })),
  ].filter(({ points }) => points.length > 0)
  // Drawing needs more than checking, so it is loaded here.
  const { drawLosses } = await import('./losses.js')
  return drawLosses(curves)
}

/** NaN breaks a line and has no point. */
function finiteOrNaN(loss: number | null): number {
  return loss !== null && Number.isFinite(loss) ? loss : Number.NaN
}

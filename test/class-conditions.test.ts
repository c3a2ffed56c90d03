/** Class numbers as a condition: every usual form is accepted, and an error explains what is not a class number. */

import { describe, expect, test } from 'vitest'
import { type ConditionLike, VAE } from '../src/index.js'
import { curve, small } from './helpers/data.js'

describe('class numbers as a condition', () => {
  const vae = new VAE({ ...small, condition: { classes: 3 } })
  const x = curve(4)
  const wanted = vae.encodeSync(x, { condition: [0, 2, 1, 1] })

  test.each<[string, ConditionLike]>([
    ["a tensor of one dimension, as MNIST's labels are", { data: Uint8Array.of(0, 2, 1, 1), shape: [4] }],
    ['int8', Int8Array.of(0, 2, 1, 1)],
    ['int16', Int16Array.of(0, 2, 1, 1)],
    ['bytes', Uint8Array.of(0, 2, 1, 1)],
  ])('may be %s', (_, condition) => {
    expect(vae.encodeSync(x, { condition })).toEqual(wanted)
  })

  const what = 'Expected a class number below 3 for each row'
  test.each<[string, unknown, string]>([
    ['a name', ['a', 'b', 'c', 'd'], `${what} for condition[0] but received 'a' of type string`],
    [
      'one-hot rows',
      [[1, 0, 0]],
      `${what}, not a row of columns (they become one-hot by themselves), for condition but`,
    ],
    ['bigints', BigInt64Array.of(0n, 1n, 2n, 2n), `${what}, or one for all, for condition but received BigInt64Array`],
    ['null', null, `${what}, or one for all, for condition but received null of type null`],
    [
      'counted from 1',
      [1, 2, 3, 3],
      'Expected a class number, which is a whole number from 0 to 2, for condition (row 2, column 0) but received 3',
    ],
  ])('are refused as %s', (_, condition, message) => {
    expect(() => vae.encodeSync(x, { condition: condition as ConditionLike })).toThrow(message)
  })

  test('are the only option of encodeSync, which ends before a signal could stop it', () => {
    const options = { condition: 1, signal: new AbortController().signal }
    expect(() => vae.encodeSync(x, options)).toThrow(
      'Unknown option "signal" for encodeSync; the options are condition',
    )
  })
})

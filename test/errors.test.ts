/** The messages and classes of errors. */

import { describe, expect, test } from 'vitest'
import { AbortError, expected, translate, unknownOption, VAEError } from '../src/errors.js'

test.each([
  [undefined, 'undefined of type undefined'],
  [null, 'null of type null'],
  ['a', "'a' of type string"],
  [-0, '-0 of type number'],
  [[], '[] of type Array'],
  [new Float64Array(2), 'Float64Array(2) [ 0, 0 ] of type Float64Array'],
  [Object.create(null), '[Object: null prototype] {} of type object'],
])('%o is shown with its type', (value, shown) => {
  expect(expected('a thing', 'x', value)).toBe(`Expected a thing for x but received ${shown}`)
})

test('a large value is shown in part', () => {
  expect(expected('a thing', 'x', 'a'.repeat(1e6)).length).toBeLessThan(200)
  expect(expected('a thing', 'x', new Float32Array(1e6)).length).toBeLessThan(200)
})

test('a long name is shown in part', () => {
  const long = 'a'.repeat(1e6)
  expect(expected('a thing', long, { [long]: 1 }).length).toBeLessThan(300)
  const named = Object.defineProperty(() => {}, 'name', { value: long })
  expect(expected('a thing', 'x', { constructor: named }).length).toBeLessThan(300)
  expect(unknownOption(long, long, ['epochs']).length).toBeLessThan(300)
})

test('the nearest option is named whatever its case, and only if it is near', () => {
  const known = ['batchSize', 'epochs']
  expect(unknownOption('BATCHSIZE', 'fit', known)).toBe('Unknown option "BATCHSIZE" for fit; did you mean "batchSize"?')
  expect(unknownOption('x', 'fit', known)).toBe('Unknown option "x" for fit; the options are batchSize, epochs')
})

describe('an error of the core', () => {
  const native = (message: string, fields: object = {}) => Object.assign(new Error(message), fields)

  test('with the code DIVERGED keeps epoch and step', () => {
    const cause = native('loss is nan', { code: 'DIVERGED', epoch: 3, step: 17 })
    const error = translate(cause)
    expect(error).toBeInstanceOf(VAEError)
    expect(error).toMatchObject({ code: 'DIVERGED', epoch: 3, step: 17, cause })
    expect((error as Error).message).toMatch(/epoch 3, step 17/)
  })

  test('with the code ABORTED becomes an AbortError with the signal’s reason', () => {
    const reason = { why: 'enough' }
    const error = translate(native('aborted', { code: 'ABORTED' }), reason)
    expect(error).toBeInstanceOf(AbortError)
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason })
  })

  test('of any other kind is a VAEError with it as its cause', () => {
    expect(translate(native('no', { code: 'OUT_OF_MEMORY' }))).toMatchObject({
      name: 'VAEError',
      code: 'OUT_OF_MEMORY',
    })
    expect(translate(new RangeError('Array buffer allocation failed'))).toMatchObject({ code: 'OUT_OF_MEMORY' })
    const cause = native('odd')
    expect(translate(cause)).toMatchObject({ code: 'NATIVE', message: 'odd', cause })
  })

  test('that is one of ours already stays as it is', () => {
    const error = new VAEError('BUSY', 'busy')
    expect(translate(error)).toBe(error)
    expect(translate(7)).toBe(7)
  })
})

test('an error without a cause has none', () => {
  expect('cause' in new VAEError('BUSY', 'busy')).toBe(false)
  expect('epoch' in new VAEError('BUSY', 'busy')).toBe(false)
})

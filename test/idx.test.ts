/** The reader of MNIST's files. */

import { describe, expect, test } from 'vitest'
import { parseIdx } from '../src/data/idx.js'
import { mnist } from '../src/data/mnist.js'

const file = (...bytes: number[]) => Uint8Array.from(bytes)

test('a file of two dimensions gives its shape and its bytes', () => {
  const bytes = file(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6)
  expect(parseIdx(bytes, 'f')).toEqual({ data: file(1, 2, 3, 4, 5, 6), shape: [2, 3] })
})

test('a view that begins within a larger buffer is read from where it begins', () => {
  const bytes = file(7, 7, 7, 0, 0, 8, 1, 0, 0, 0, 1, 42).subarray(3)
  expect(parseIdx(bytes, 'f')).toEqual({ data: file(42), shape: [1] })
})

describe('a damaged file is refused with its name and what is wrong', () => {
  test.each([
    ['no bytes', file(), 'it has 0 bytes, fewer than a header'],
    ['another magic number', file(1, 0, 8, 1, 0, 0, 0, 0), 'it begins with 0x01000801, not with two zero bytes'],
    ['a gzip file', file(0x1f, 0x8b, 8, 0), 'it begins with 0x1f8b0800, not with two zero bytes'],
    ['another type', file(0, 0, 0x0d, 1, 0, 0, 0, 0), 'its type is 0x0d, not 0x08'],
    ['no dimensions', file(0, 0, 8, 0), 'it has no dimensions'],
    ['a header cut short', file(0, 0, 8, 2, 0, 0, 0, 2, 0, 0), 'it ends within its header of 2 dimensions'],
    ['data cut short', file(0, 0, 8, 1, 0, 0, 0, 3, 1, 2), 'its dimensions 3 need 3 bytes of data but it has 2'],
    ['trailing bytes', file(0, 0, 8, 1, 0, 0, 0, 1, 1, 2), 'its dimensions 1 need 1 bytes of data but it has 2'],
    [
      'a claim beyond any memory',
      file(0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255, 1),
      'its dimensions 4294967295×4294967295 need 18446744065119617000 bytes of data but it has 1',
    ],
  ])('%s', (_name, bytes, why) => {
    const wanted = { code: 'DATA_INVALID', message: `f is not an IDX file of uint8: ${why}` }
    expect(() => parseIdx(bytes, 'f')).toThrow(expect.objectContaining(wanted))
  })
})

test('MNIST has 60,000 and 10,000 digits, with their labels', async () => {
  const { train, test } = await mnist()
  expect([train.images.shape, train.labels.shape]).toEqual([[60000, 784], [60000]])
  expect([test.images.shape, test.labels.shape]).toEqual([[10000, 784], [10000]])
  expect([...train.labels.data.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9])
  // The mean brightness that everyone reports for the training images.
  const mean = train.images.data.reduce((sum, byte) => sum + byte, 0) / train.images.data.length / 255
  expect(mean).toBeCloseTo(0.1307, 4)
})

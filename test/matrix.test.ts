/** Rows of numbers in every accepted form, and the errors for other forms. */

import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { flatten, isByteArray } from '../src/data/matrix.js'
import type { FlatArray } from '../src/tensor.js'

const rows = (value: unknown, columns?: number) => {
  const flat = flatten(value, 'x', columns)
  return { ...flat, data: Array.from(flat.data) }
}
const failure = (value: unknown, columns?: number) => () => flatten(value, 'x', columns)

const forms = 'a Tensor, a typed array of numbers, number[][] or an array of typed arrays'

describe('every form gives the same rows', () => {
  const wanted = { data: [0, 1, 0.5, 0.25, 1, 0], rows: 2, columns: 3 }
  test.each([
    ['Float32Array', new Float32Array(wanted.data)],
    ['Float64Array', new Float64Array(wanted.data)],
    ['Tensor', { data: new Float32Array(wanted.data), shape: [2, 3] }],
    ['Tensor of Float64Array', { data: new Float64Array(wanted.data), shape: [2, 3] }],
    ['Float32Array of another realm', runInNewContext(`new Float32Array([${wanted.data}])`)],
    ['number[][] of another realm', runInNewContext('[[0, 1, 0.5], [0.25, 1, 0]]')],
    ['Tensor of images', { data: new Float32Array(wanted.data), shape: [2, 1, 3, 1] }],
    [
      'number[][]',
      [
        [0, 1, 0.5],
        [0.25, 1, 0],
      ],
    ],
  ])('%s', (_name, value) => {
    expect(rows(value, 3)).toEqual(wanted)
  })

  test('a Tensor and number[][] need no width', () => {
    expect(rows([[1], [2]])).toEqual({ data: [1, 2], rows: 2, columns: 1 })
    expect(rows({ data: new Uint8Array(6), shape: [3, 2] }).columns).toBe(2)
  })

  test('bytes stay bytes, and the offset of a Buffer is respected', () => {
    const buffer = Buffer.from([9, 9, 9, 1, 2, 3, 4]).subarray(3)
    expect(buffer.byteOffset).not.toBe(0)
    const flat = flatten(buffer, 'x', 2)
    expect(flat.data).toBeInstanceOf(Uint8Array)
    expect([...flat.data]).toEqual([1, 2, 3, 4])
  })

  test.each<[string, FlatArray, boolean]>([
    ['Uint8Array', new Uint8Array(2), true],
    ['Uint8ClampedArray', new Uint8ClampedArray(2), true],
    ['Uint8Array of another realm', runInNewContext('new Uint8Array(2)'), true],
    ['Float32Array', new Float32Array(2), false],
  ])('%s is taken as it is, and known to be bytes or not', (_name, data, bytes) => {
    expect(flatten(data, 'x', 2).data).toBe(data)
    expect(isByteArray(data)).toBe(bytes)
  })
})

describe('what is no matrix is a TypeError', () => {
  test.each<[unknown, string]>([
    [undefined, `Expected ${forms} for x but received undefined of type undefined`],
    [{ epochs: 1 }, `Expected ${forms} for x but received { epochs: 1 } of type object`],
    ['rows', `Expected ${forms} for x but received 'rows' of type string`],
    [
      new BigInt64Array(3),
      `Expected ${forms} for x but received BigInt64Array(3) [ 0n, 0n, 0n ] of type BigInt64Array`,
    ],
    [
      [new BigInt64Array(3)],
      'Expected an array of numbers for x[0] but received BigInt64Array(3) [ 0n, 0n, 0n ] of type BigInt64Array',
    ],
    [new Map(), `Expected ${forms} for x but received Map(0) {} of type Map`],
    [[1, 2, 3], 'Expected an array of rows, number[][], for x but received [ 1, 2, 3 ] of type Array'],
    [[[1, 2, 3], 'abc'], "Expected an array of numbers for x[1] but received 'abc' of type string"],
    [
      [
        [1, 2, 3],
        [1, '2', 3],
      ],
      "Expected a number for x[1][1] but received '2' of type string",
    ],
    [
      [
        [1, 2, 3],
        [1, undefined, 3],
      ],
      'Expected a number for x[1][1] but received undefined of type undefined',
    ],
    [{ data: [1, '2', 3], shape: [1, 3] }, "Expected a number for x.data[1] but received '2' of type string"],
    [
      JSON.parse(JSON.stringify({ data: new Float32Array(1), shape: [1, 1] })),
      "Expected a typed array or number[] (JSON makes an object of a typed array: write Array.from(data)) for x.data but received { '0': 0 } of type object",
    ],
    [
      { data: new Float32Array(3), shape: 3 },
      'Expected an array of dimensions for x.shape but received 3 of type number',
    ],
    [
      { data: new Float32Array(3), shape: [1, 1.5] },
      'Expected an array of dimensions for x.shape but received [ 1, 1.5 ] of type Array',
    ],
  ])('%o', (value, message) => {
    expect(failure(value, 3)).toThrow(TypeError)
    expect(failure(value, 3)).toThrow(new TypeError(message))
  })

  test('memory that others can write or that is gone is refused', () => {
    expect(failure(new Float32Array(new SharedArrayBuffer(12)), 3)).toThrow(
      /^Expected memory that no other thread can write .* of type Float32Array$/,
    )
    const gone = new Float32Array(3)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    expect(failure(runInNewContext('new Float32Array(new SharedArrayBuffer(12))'), 3)).toThrow(/^Expected memory/)
    expect(failure(gone, 3)).toThrow(/^Expected memory that has not been transferred away \(detached\) for x/)
    expect(failure({ data: gone, shape: [1, 3] }, 3)).toThrow(/\(detached\) for x\.data/)
  })

  test('a typed array without a width is refused', () => {
    expect(failure(new Float32Array(3))).toThrow(/^Expected a Tensor, or the option columns beside a typed array,/)
  })
})

describe('a matrix of the wrong shape is a RangeError', () => {
  test.each<[unknown, string]>([
    [
      new Float32Array(4),
      'Expected whole rows of 3 numbers for x but received Float32Array(4) [ 0, 0, 0, 0 ] of type Float32Array',
    ],
    [new Float32Array(0), 'Expected at least one row for x but received Float32Array(0) [] of type Float32Array'],
    [[], 'Expected at least one row for x but received [] of type Array'],
    [[[]], 'Expected 3 numbers for x[0] but received [] of type Array'],
    [
      [
        [1, 2, 3],
        [1, 2],
      ],
      'Expected 3 numbers for x[1] but received [ 1, 2 ] of type Array',
    ],
    [
      { data: new Float32Array(4), shape: [2, 2] },
      'Expected rows of 3 numbers for x.shape but received [ 2, 2 ] of type Array',
    ],
    [
      { data: new Float32Array(2), shape: [1, 3] },
      'Expected 3 numbers, as its shape says, for x.data but received Float32Array(2) [ 0, 0 ] of type Float32Array',
    ],
    [
      { data: new Float32Array(0), shape: [0, 3] },
      'Expected at least one row for x.shape but received [ 0, 3 ] of type Array',
    ],
    [
      { data: new Float32Array(3), shape: [3] },
      'Expected [rows, ...dimensions of a row] for x.shape but received [ 3 ] of type Array',
    ],
  ])('%o', (value, message) => {
    expect(failure(value, 3)).toThrow(RangeError)
    expect(failure(value, 3)).toThrow(new RangeError(message))
  })

  test('rows without numbers are named by the shape', () => {
    expect(failure({ data: new Float32Array(0), shape: [3, 0] })).toThrow(
      new RangeError('Expected at least one number in a row for x.shape but received [ 3, 0 ] of type Array'),
    )
  })

  test('more rows than the core can count are refused', () => {
    const many = new Uint8Array(1)
    Object.defineProperty(many, 'length', { value: 2 ** 32 })
    expect(failure(many, 1)).toThrow(/^Expected fewer than 2\^32 rows for x but received/)
  })

  test('more numbers than memory holds are a VAEError', () => {
    expect(failure(new Array(2 ** 31).fill(undefined, 0, 1), 2 ** 30)).toThrow(
      expect.objectContaining({ name: 'VAEError', code: 'OUT_OF_MEMORY' }),
    )
  })

  test('rows of different lengths are refused without a width too', () => {
    expect(failure([[1, 2], [1]])).toThrow(
      new RangeError('Expected 2 numbers for x[1] but received [ 1 ] of type Array'),
    )
    expect(failure([[], []])).toThrow(
      new RangeError('Expected at least one number for x[0] but received [] of type Array'),
    )
  })
})

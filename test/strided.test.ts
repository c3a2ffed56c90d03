/** Tensors of other libraries, whose numbers may be in any order in memory. */

import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { flatten } from '../src/data/matrix.js'
import { VAE, type VAEConfig } from '../src/index.js'
import { generator } from './helpers/data.js'

interface NdArray {
  readonly data: Float32Array
  readonly shape: number[]
  readonly stride: number[]
  readonly offset: number
  get(...index: number[]): number
  transpose(...order: number[]): NdArray
  lo(...from: number[]): NdArray
  hi(...to: number[]): NdArray
  step(...by: number[]): NdArray
}
const ndarray: (data: ArrayLike<number>, shape: number[], stride?: number[], offset?: number) => NdArray =
  createRequire(import.meta.url)('ndarray')

const read = (value: unknown) => {
  const { data, rows, columns } = flatten(value, 'x')
  return Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * columns, (i + 1) * columns)))
}
/** Row after row, as the array itself gives them. */
const cells = (array: NdArray) => {
  const [rows = 0, ...dimensions] = array.shape
  const indices = dimensions.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  )
  return Array.from({ length: rows }, (_, row) => indices.map((index) => array.get(row, ...index)))
}
const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => i)

describe("npm's ndarray", () => {
  const whole = ndarray(numbers(120), [4, 5, 6])
  test.each<[string, NdArray]>([
    ['as it was made', whole],
    ['transposed', whole.transpose(1, 0, 2)],
    ['turned twice', whole.transpose(2, 0, 1)],
    ['a part', whole.lo(1, 2, 3).hi(2, 2, 2)],
    ['every other', whole.step(2, 1, 3)],
    ['backwards', whole.step(-1, 1, -2)],
    ['a part of what is turned, backwards', whole.transpose(2, 1, 0).lo(2, 1, 0).step(-1, 2, -1)],
    ['of two dimensions', ndarray(numbers(12), [3, 4]).transpose(1, 0)],
    ['the same row again and again', ndarray(numbers(4), [3, 4], [0, 1])],
    ['one number', ndarray(numbers(9), [1, 1], [7, 3], 5)],
    ['with a dimension of one', ndarray(numbers(12), [3, 1, 4], [4, 99, 1])],
    ['of a plain array', ndarray([0, 1, 2, 3, 4, 5], [3, 2]).transpose(1, 0)],
    ['of bytes', ndarray(Uint8Array.from(numbers(6)), [3, 2]).transpose(1, 0)],
    ['of integers', ndarray(Int32Array.from(numbers(6)), [3, 2]).transpose(1, 0)],
    ['of doubles', ndarray(Float64Array.from(numbers(6)), [3, 2]).transpose(1, 0)],
  ])('%s', (_, array) => {
    expect(read(array)).toEqual(cells(array))
  })

  test('of any shape and strides', () => {
    const random = generator(4)
    const below = (n: number) => Math.floor(random() * n)
    for (let trial = 0; trial < 300; trial++) {
      const shape = Array.from({ length: 2 + below(3) }, () => 1 + below(5))
      const stride = shape.map(() => below(11) - 5)
      const ends = shape.map((size, i) => (size - 1) * (stride[i] as number))
      const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
      const offset = below(3) - sum(ends.filter((end) => end < 0))
      const size = offset + sum(ends.filter((end) => end > 0)) + 1 + below(2)
      const array = ndarray(numbers(size), shape, stride, offset)
      expect(read(array), JSON.stringify({ shape, stride, offset })).toEqual(cells(array))
    }
  })

  test('gives a model the rows that it shows', async () => {
    const config: VAEConfig = { input: 3, encoder: [4], latent: 2, decoder: [4], condition: 2 }
    const vae = new VAE(config)
    const [x, condition] = [ndarray(Float32Array.of(0, 1, 1, 0, 0.5, 1), [3, 2]), ndarray(numbers(4), [2, 2])]
    const turned = { x: x.transpose(1, 0), condition: condition.transpose(1, 0) }
    const wanted = await vae.encode(cells(turned.x), { condition: cells(turned.condition) })
    expect((await vae.encode(turned.x, { condition: turned.condition })).mean).toEqual(wanted.mean)
    expect(vae.encodeSync(turned.x, { condition: turned.condition }).mean).toEqual(wanted.mean)
    const labelled = new VAE({ ...config, condition: { classes: 3 } })
    const labels = ndarray(Uint8Array.of(2, 9, 1), [2], [-2], 2)
    const byLabel = await labelled.encode(turned.x, { condition: [1, 2] })
    expect((await labelled.encode(turned.x, { condition: labels })).mean).toEqual(byLabel.mean)
  })
})

describe('a Tensor', () => {
  /** As @stdlib/ndarray has it: members of the prototype, `strides`, and the order in words. */
  class Stdlib {
    readonly #given: { data: Float32Array; shape: number[]; strides: number[]; offset: number; order: string }
    constructor(given: { data: Float32Array; shape: number[]; strides: number[]; offset: number; order: string }) {
      this.#given = given
    }
    get data() {
      return this.#given.data
    }
    get shape() {
      return this.#given.shape
    }
    get strides() {
      return this.#given.strides
    }
    get offset() {
      return this.#given.offset
    }
    get order() {
      return this.#given.order
    }
    get dtype() {
      return 'float32'
    }
  }

  test('may be an object of a class', () => {
    const given = { data: numbers(8), shape: [2, 3], strides: [1, 2], offset: 1, order: 'column-major' }
    expect(read(new Stdlib(given))).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ])
  })

  test('may name its order', () => {
    expect(read({ data: numbers(6), shape: [2, 3], order: 'row-major' })).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ])
    expect(read({ data: numbers(6), shape: [2, 3], order: 'column-major' })).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ])
  })

  test('that is stored row by row is not copied', () => {
    const data = numbers(10)
    const flat = flatten({ data, shape: [2, 3], strides: [3, 1], offset: 4 }, 'x').data
    expect([flat.buffer, flat.byteOffset, flat.length]).toEqual([data.buffer, 16, 6])
    expect(flatten({ data, shape: [2, 5] }, 'x').data).toBe(data)
  })

  test.each<[object, typeof TypeError | typeof RangeError, string]>([
    [{ strides: [3] }, RangeError, 'Expected an array of integers, one for each dimension of shape for x.strides'],
    [{ strides: [3, 0.5] }, TypeError, 'Expected an array of integers, one for each dimension of shape for x.strides'],
    [{ stride: 3 }, TypeError, 'Expected an array of integers, one for each dimension of shape for x.stride'],
    [{ stride: [3, 1], strides: [3, 1] }, TypeError, 'Expected no stride beside strides for x.stride'],
    [{ strides: [3, 1], offset: 1 }, RangeError, 'Expected numbers from index 1 to 6, as its shape says, for x.data'],
    [{ strides: [-3, 1] }, RangeError, 'Expected numbers from index -3 to 2, as its shape says, for x.data'],
    [{ offset: 1 }, RangeError, 'Expected numbers from index 1 to 6, as its shape says, for x.data'],
    [{ offset: -1 }, TypeError, 'Expected an integer of at least 0 for x.offset but received -1'],
    [{ order: 'F' }, TypeError, "Expected 'row-major' or 'column-major' for x.order but received 'F'"],
    [{ stides: [3, 1] }, TypeError, 'Unknown option "stides" for x; did you mean "strides"?'],
    [{ dtype: 'float32' }, TypeError, 'Unknown option "dtype" for x; the options are data, shape, strides,'],
    [{ shape: [2, 4] }, RangeError, 'Expected 8 numbers, as its shape says, for x.data'],
  ])('of %o is refused', (fields, kind, message) => {
    const call = () => flatten({ data: numbers(6), shape: [2, 3], ...fields }, 'x')
    expect(call).toThrow(kind)
    expect(call).toThrow(message)
  })
})

describe('rows that are typed arrays', () => {
  test.each<[string, ArrayLike<number>[], string]>([
    ['floats', [Float32Array.of(1, 2.5), Float32Array.of(3, 4)], 'Float32Array'],
    ['doubles', [Float64Array.of(1, 2.5), Float64Array.of(3, 4)], 'Float64Array'],
    ['integers', [Int8Array.of(-1, 2), Uint32Array.of(3, 4e9)], 'Float64Array'],
    ['bytes', [Uint8Array.of(1, 2), Uint8ClampedArray.of(3, 255)], 'Uint8Array'],
    ['of several kinds', [[1, 2], Float32Array.of(3, 4), Int16Array.of(5, 6)], 'Float64Array'],
  ])('%s', (_, rows, kind) => {
    expect(read(rows)).toEqual(rows.map((row) => Array.from(row)))
    expect(flatten(rows, 'x').data.constructor.name).toBe(kind)
  })

  test.each<[unknown, string]>([
    [[Uint8Array.of(1), [2]], 'Expected numbers, as other rows are, or bytes in all of them for x[0]'],
    [[[2], Uint8Array.of(1)], 'Expected numbers, as other rows are, or bytes in all of them for x[1]'],
    [[Float32Array.of(1, 2), Float32Array.of(1)], 'Expected 2 numbers for x[1]'],
    [[new Float32Array(0)], 'Expected at least one number for x[0]'],
    [[new Float32Array(new SharedArrayBuffer(8))], 'Expected memory that no other thread can write'],
  ])('%o are refused', (rows, message) => {
    expect(() => flatten(rows, 'x')).toThrow(message)
  })
})

test('integers in a typed array are numbers', () => {
  expect(read({ data: Int16Array.of(-3, 4), shape: [1, 2] })).toEqual([[-3, 4]])
  expect(Array.from(flatten(Uint32Array.of(7, 4e9), 'x', 1).data)).toEqual([7, 4e9])
})

test('one row of numbers is the condition of all rows', async () => {
  const vae = new VAE({ input: 3, encoder: [4], latent: 2, decoder: [4], condition: 2 })
  const [x, z] = [Array(5).fill([0, 1, 0.5]), Array(5).fill([0.3, -1])]
  const each = { condition: Array(5).fill([0.25, 0.75]) }
  const forms = [[0.25, 0.75], [[0.25, 0.75]], Float32Array.of(0.25, 0.75), { data: [0.25, 0.75], shape: [1, 2] }]
  for (const condition of forms) {
    const one = { condition }
    expect(await vae.encode(x, one)).toEqual(await vae.encode(x, each))
    expect(vae.encodeSync(x, one)).toEqual(vae.encodeSync(x, each))
    expect(await vae.decode(z, one)).toEqual(await vae.decode(z, each))
    expect(await vae.sample(5, one)).toEqual(await vae.sample(5, each))
    expect(await vae.anomalyScore(x, one)).toEqual(await vae.anomalyScore(x, each))
  }
  const bytes = { condition: Uint8Array.of(51, 255) }
  expect(await vae.sample(5, bytes)).toEqual(await vae.sample(5, { condition: Array(5).fill([0.2, 1]) }))
})

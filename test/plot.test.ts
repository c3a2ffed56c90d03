/** Pictures: the pixels are where they should be. */

import { runInNewContext } from 'node:vm'
import { PNG } from 'pngjs'
import { describe, expect, test } from 'vitest'
import { Dataset } from '../src/index.js'
import { lossChart } from '../src/plot/chart.js'
import { imageGrid, reconstructionGrid } from '../src/plot/png.js'

async function decode(png: Promise<Uint8Array>) {
  const { width, height, data } = PNG.sync.read(Buffer.from(await png))
  return {
    width,
    height,
    at: (x: number, y: number) => [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)],
  }
}

const grey = (value: number) => [value, value, value]

describe('a grid of images', () => {
  const images = [
    [0, 1],
    [0.5, 2],
    [-1, Number.NaN],
  ]

  test('runs left to right, then down, with every pixel a square', async () => {
    const { width, height, at } = await decode(
      imageGrid(images, { height: 1, width: 2, columns: 2, scale: 3, padding: 1 }),
    )
    expect([width, height]).toEqual([2 * (2 * 3 + 1) + 1, 2 * (3 + 1) + 1])
    expect([at(1, 1), at(3, 3)]).toEqual([grey(0), grey(0)])
    expect([at(4, 1), at(6, 3)]).toEqual([grey(255), grey(255)])
    expect(at(8, 1)).toEqual(grey(128))
    // The third image begins the second row.
    expect(at(1, 5)).toEqual(grey(0))
  })

  test('limits brightness to what can be shown, and shows NaN as black', async () => {
    const { at } = await decode(imageGrid(images, { height: 1, width: 2, columns: 3, scale: 1, padding: 0 }))
    expect([at(3, 0), at(4, 0), at(5, 0)]).toEqual([grey(255), grey(0), grey(0)])
  })

  test('takes bytes as they are', async () => {
    const { at } = await decode(imageGrid(Uint8Array.of(7, 200), { height: 2, width: 1, scale: 1, padding: 0 }))
    expect([at(0, 0), at(0, 1)]).toEqual([grey(7), grey(200)])
  })

  test('has three planes a colour image', async () => {
    const image = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), shape: [1, 3, 1, 2] }
    const { at } = await decode(imageGrid(image, { height: 1, width: 2, channels: 3, scale: 1, padding: 0 }))
    expect([at(0, 0), at(1, 0)]).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ])
  })

  test('is refused where rows are no such images', async () => {
    await expect(imageGrid(images, { height: 2, width: 2 })).rejects.toThrow(
      new RangeError('Expected 4 numbers for images[0] but received [ 0, 1 ] of type Array'),
    )
    await expect(imageGrid(images, { heigth: 2, width: 2 } as never)).rejects.toThrow(
      new TypeError('Unknown option "heigth" for imageGrid; did you mean "height"?'),
    )
  })
})

test('a picture of more pixels than memory holds is refused', async () => {
  const wide = { height: 1, width: 1, columns: 16384, scale: 32, padding: 64 }
  await expect(imageGrid(new Uint8Array(16384 * 3), wide)).rejects.toThrow(
    /^Expected a picture of at most 2\^28 pixels for images, columns and scale together but received '1572928×352'/,
  )
})

test('bytes that are clamped, and bytes of another realm, are bytes', async () => {
  const one = { height: 1, width: 1, scale: 1, padding: 0 }
  for (const bytes of [Uint8ClampedArray.of(7), runInNewContext('Uint8Array.of(7)') as Uint8Array]) {
    const { at } = await decode(imageGrid(bytes, one))
    expect(at(0, 0)).toEqual(grey(7))
  }
})

describe('reconstructionGrid refuses', () => {
  const one = { height: 1, width: 1 }
  test('other numbers of observations and reconstructions', async () => {
    await expect(reconstructionGrid([[1], [2]], [[1]], one)).rejects.toThrow(
      new RangeError('Expected 2 rows, as observations has, for reconstructions but received [ [ 1 ] ] of type Array'),
    )
  })

  test('columns, which are the pairs', async () => {
    await expect(reconstructionGrid([[1]], [[1]], { ...one, columns: 2 } as never)).rejects.toThrow(
      'Unknown option "columns" for reconstructionGrid; the options are height, width, channels, scale, padding',
    )
  })

  test('to do without options, and a Dataset, whose numbers the core keeps', async () => {
    await expect(reconstructionGrid([[1]], [[1]], undefined as never)).rejects.toThrow(
      new TypeError('Expected an object of options for reconstructionGrid but received undefined of type undefined'),
    )
    await expect(reconstructionGrid(new Dataset([[1]]) as never, [[1]], one)).rejects.toThrow(
      /^Expected a Tensor, Float32Array, Float64Array, Uint8Array or number\[\]\[\] for observations/,
    )
  })
})

describe('lossChart refuses', () => {
  const epochs = [{ epoch: 1, loss: 2 }]
  test.each<[unknown[], typeof TypeError | typeof RangeError, string]>([
    [[undefined], TypeError, 'Expected a History for history but received undefined of type undefined'],
    [
      [[]],
      TypeError,
      "Expected an array of epochs' records for history.epochs but received undefined of type undefined",
    ],
    [
      [{ epochs: [{ epoch: 1 }] }],
      TypeError,
      'Expected a finite number for history.epochs[0].loss but received undefined of type undefined',
    ],
    [
      [{ epochs: [{ epoch: 1, loss: 2, validation: { loss: Number.NaN } }] }],
      RangeError,
      'Expected a finite number for history.epochs[0].validation.loss but received NaN of type number',
    ],
    [
      [{ epochs }, [1]],
      TypeError,
      'Expected an object of arrays of numbers for others but received [ 1 ] of type Array',
    ],
    [
      [{ epochs }, { theirs: 5 }],
      TypeError,
      'Expected an array of numbers for others.theirs but received 5 of type number',
    ],
    [
      [{ epochs }, { theirs: [1, '2'] }],
      TypeError,
      "Expected a finite number for others.theirs[1] but received '2' of type string",
    ],
    [
      [{ epochs }, { training: [1] }],
      RangeError,
      "Expected other names than training and validation for others but received 'training' of type string",
    ],
  ])('%j', async (args, kind, message) => {
    await expect(lossChart(...(args as Parameters<typeof lossChart>))).rejects.toThrow(new kind(message))
  })
})

test('reconstructions stand below their observations', async () => {
  const one = { height: 1, width: 1, scale: 1, padding: 0 }
  const { width, height, at } = await decode(reconstructionGrid([[0.2], [0.4], [0.6]], [[1], [0.8], [0]], one))
  expect([width, height]).toEqual([3, 2])
  expect([at(0, 0), at(1, 0), at(2, 0)]).toEqual([grey(51), grey(102), grey(153)])
  expect([at(0, 1), at(1, 1), at(2, 1)]).toEqual([grey(255), grey(204), grey(0)])
})

test('a loss chart is an SVG with a curve for training, validation and each other', async () => {
  const losses = (loss: number) => ({ loss, reconstruction: loss - 1, kl: 1 })
  const epochs = [1, 2, 3].map((epoch) => ({
    epoch,
    seconds: 1,
    ...losses(100 / epoch),
    validation: losses(110 / epoch),
  }))
  const svg = await lossChart({ epochs }, { notebook: [90, 80, 70] })
  expect(svg).toMatch(/^<svg/)
  for (const name of ['training', 'validation', 'notebook']) expect(svg).toContain(`>${name}<`)
  expect(svg.match(/aria-roledescription="line mark"/g)).toHaveLength(3)
  const overflowing = epochs.map((epoch, i) =>
    i === 1 ? { ...epoch, validation: losses(Number.POSITIVE_INFINITY) } : epoch,
  )
  const points = (chart: string) => chart.match(/aria-roledescription="point"/g)?.length
  expect(points(await lossChart({ epochs: overflowing }))).toBe((points(await lossChart({ epochs })) as number) - 1)
  const without = await lossChart({ epochs: epochs.map(({ validation, ...epoch }) => epoch) })
  expect(without).not.toContain('>validation<')
})

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

  test('is refused if rows are no such images', async () => {
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
      /^Expected a Tensor, a typed array of numbers, number\[\]\[\] or an array of typed arrays for observations/,
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

test('reconstructions are below their observations', async () => {
  const one = { height: 1, width: 1, scale: 1, padding: 0 }
  const { width, height, at } = await decode(reconstructionGrid([[0.2], [0.4], [0.6]], [[1], [0.8], [0]], one))
  expect([width, height]).toEqual([3, 2])
  expect([at(0, 0), at(1, 0), at(2, 0)]).toEqual([grey(51), grey(102), grey(153)])
  expect([at(0, 1), at(1, 1), at(2, 1)]).toEqual([grey(255), grey(204), grey(0)])
})

describe('a loss chart', () => {
  const losses = (loss: number) => ({ loss, reconstruction: loss - 1, kl: 1 })
  const history = (count: number, loss = (epoch: number) => 100 / epoch) => ({
    epochs: Array.from({ length: count }, (_, i) => ({
      epoch: i + 1,
      seconds: 1,
      ...losses(loss(i + 1)),
      validation: losses(1.1 * loss(i + 1)),
    })),
  })
  const without = ({ epochs }: ReturnType<typeof history>) => ({
    epochs: epochs.map(({ validation, ...epoch }) => epoch),
  })
  /** The labels at the ticks of an axis. */
  const ticks = (svg: string, axis: 'x' | 'y') => {
    const group = svg.match(new RegExp(`<g[^>]*aria-label="${axis}-axis tick label"[^>]*>(.*?)</g>`, 's'))?.[1] ?? ''
    return [...group.matchAll(/>([^<]*)<\/text>/g)].map(([, text]) => text as string)
  }
  const points = (svg: string) => svg.match(/<title>/g)?.length ?? 0
  /** The commands of each curve's path: M begins a part of it, L goes on. */
  const curves = (svg: string) =>
    [...svg.matchAll(/aria-label="line"[^>]*><path[^>]* d="([^"]*)"/g)].map(([, d]) => d?.replace(/[^ML]/g, ''))

  test('is an SVG with a curve, its points and a key for training, validation and each other', async () => {
    const svg = await lossChart(history(3), { notebook: [90, 80, 70] })
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/)
    for (const name of ['training', 'validation', 'notebook']) expect(svg).toContain(`>${name}<`)
    expect(curves(svg)).toEqual(['MLL', 'MLL', 'MLL'])
    expect(points(svg)).toBe(9)
    expect(svg).toContain('<title>notebook, epoch 2: 80</title>')
    expect(await lossChart(without(history(3)))).not.toContain('>validation<')
  })

  test('has no point if a validation loss is infinite, and a gap in the curve', async () => {
    const { epochs } = history(4)
    const overflowing = epochs.map((epoch, i) =>
      i === 1 ? { ...epoch, validation: losses(Number.POSITIVE_INFINITY) } : epoch,
    )
    const svg = await lossChart({ epochs: overflowing })
    expect(points(svg)).toBe(7)
    expect(curves(svg)).toEqual(['MLLL', 'MML'])
    expect(svg).not.toMatch(/NaN|Infinity/)
  })

  test.each([1, 2, 5, 100])('of %d epochs has whole epochs and short numbers at its ticks', async (count) => {
    // A loss of as many digits as a training run gives.
    const svg = await lossChart(without(history(count, (epoch) => 20.192948 + 1 / (epoch * 7.3))))
    const [x, y] = [ticks(svg, 'x'), ticks(svg, 'y')]
    expect(x.length).toBeGreaterThanOrEqual(Math.min(count, 5))
    expect(y.length).toBeGreaterThan(3)
    for (const tick of x) expect(tick).toMatch(/^\d+$/)
    for (const tick of y) expect(tick).toMatch(/^\d+(\.\d{1,3})?$/)
    expect(new Set(y).size).toBe(y.length)
  })

  test('of losses near the limits of double stays a chart', async () => {
    for (const loss of [1e300, -5e8, 1e-9, 0, -1.6e308]) {
      const svg = await lossChart(history(3, (epoch) => (loss / epoch) * (-1) ** epoch))
      expect(svg).not.toMatch(/NaN|Infinity|undefined/)
      expect(points(svg)).toBe(6)
    }
    expect(points(await lossChart({ epochs: [] }))).toBe(0)
  })

  test('is XML whatever a curve is called', async () => {
    const svg = await lossChart(history(2), { '<a b="c">&\u0000\ud800': [1, 2] })
    expect(svg).toContain('>&lt;a b="c"&gt;&amp;\ufffd\ufffd<')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it must not be there
    expect(svg).not.toMatch(/[\u0000-\u0008]/)
  })
})

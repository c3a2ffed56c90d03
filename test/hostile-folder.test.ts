/** Model folders that are missing, damaged, or made to do harm. */

import { copyFile, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readModel } from '../src/checkpoint/load.js'
import { saveModel } from '../src/checkpoint/save.js'
import { parseConfig } from '../src/options/config.js'
import { elements } from '../src/options/layout.js'
import {
  config,
  dataLength,
  document,
  encode,
  freshFolders,
  goodHeader,
  type Place,
  parameters,
  table,
} from './helpers/model-folder.js'

const folder = freshFolders()

describe('a folder that holds no model', () => {
  test('is missing', async () => {
    const missing = expect.objectContaining({ name: 'VAEError', code: 'CHECKPOINT_MISSING' })
    await expect(readModel(join(folder.path, 'nowhere'))).rejects.toEqual(missing)
    await writeFile(folder.config, document({}))
    await expect(readModel(folder.path)).rejects.toEqual(missing)
    await expect(readModel(folder.config)).rejects.toEqual(missing)
  })

  test('is missing if only tensors from elsewhere are there', async () => {
    await writeFile(folder.tensors, encode(goodHeader()))
    await expect(readModel(folder.path)).rejects.toMatchObject({
      code: 'CHECKPOINT_MISSING',
      message: `There is no ${folder.config}`,
    })
  })
})

describe('a config.json that is not right is refused', () => {
  beforeEach(() => writeFile(folder.tensors, encode(goodHeader())))

  test.each<[string, string | Buffer, string, string]>([
    ['empty', '', 'CHECKPOINT_INVALID', 'its JSON is damaged'],
    ['cut short', document({}).slice(0, -3), 'CHECKPOINT_INVALID', 'its JSON is damaged'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'CHECKPOINT_INVALID', 'its JSON is damaged'],
    ['no object', '[1]', 'CHECKPOINT_INVALID', 'its JSON is not an object'],
    ['of another program', '{"version":1}', 'CHECKPOINT_INVALID', 'its "format" is undefined, not "aevb"'],
    ['without a version', document({ version: undefined }), 'CHECKPOINT_INVALID', 'its "version" is undefined'],
    ['of half a version', document({ version: 1.5 }), 'CHECKPOINT_INVALID', 'its "version" is 1.5, not a whole number'],
    ['of two versions', '{"version":1,"\\u0076ersion":2}', 'CHECKPOINT_INVALID', 'has the key "version" twice'],
    [
      'nested without end',
      `{"format":${'['.repeat(2e5)}${']'.repeat(2e5)}}`,
      'CHECKPOINT_INVALID',
      'nests more than 32',
    ],
    ['cut short within a nest', '{"a":'.repeat(1e5), 'CHECKPOINT_INVALID', 'its JSON nests more than 32 deep'],
    ['cut short within a key', '{"a\\', 'CHECKPOINT_INVALID', 'its JSON is damaged'],
    [
      'of a later version',
      document({ version: 3 }),
      'CHECKPOINT_VERSION',
      'is of version 3, but this aevb reads versions 1 to 2',
    ],
    ['with a field too many', document({ extra: 1 }), 'CHECKPOINT_INVALID', 'unknown field "extra"'],
    ['with a damaged checksum', document({ sha256: 'abc' }), 'CHECKPOINT_INVALID', 'its "sha256" is not'],
    ['without a model', document({ config: undefined }), 'CHECKPOINT_INVALID', 'it has no "config"'],
    [
      'of a wrong model',
      document({ config: { latent: 0 } }),
      'CHECKPOINT_INVALID',
      'Expected a positive integer for latent',
    ],
    ['of a misspelt model', document({ config: { latnt: 1 } }), 'CHECKPOINT_INVALID', 'did you mean "latent"?'],
    [
      'of a model as large as memory',
      document({ config: { encoder: [1e9, 2] } }),
      'CHECKPOINT_INVALID',
      'Expected a model of at most 2^31 parameters',
    ],
    [
      'of many megabytes',
      document({ config: { encoder: new Array(1e6).fill(1) } }),
      'CHECKPOINT_INVALID',
      'too many for a config',
    ],
  ])('%s', async (_name, content, code, why) => {
    await writeFile(folder.config, content)
    await expect(readModel(folder.path)).rejects.toMatchObject({
      name: 'VAEError',
      code,
      message: expect.stringContaining(why),
    })
  })

  test.each([
    ['format', { format: 'x'.repeat(1e5) }],
    ['version', { version: 'x'.repeat(1e5) }],
    ['field', { ['x'.repeat(1e5)]: 1 }],
    ['option', { config: { ['x'.repeat(1e5)]: 1 } }],
    ['value', { config: { activation: 'x'.repeat(1e5) } }],
  ])('with a %s of many letters, of which few are repeated', async (_name, fields) => {
    await writeFile(folder.config, document(fields))
    const error: Error = await readModel(folder.path).then(
      () => expect.unreachable(),
      (error: Error) => error,
    )
    expect(error).toMatchObject({ code: 'CHECKPOINT_INVALID' })
    expect(error.message.length).toBeLessThan(folder.path.length + 400)
  })

  test('a folder in its place', async () => {
    await mkdir(folder.config)
    await expect(readModel(folder.path)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
  })
})

describe('a header that is larger than its model needs is refused before it is read', () => {
  const tooLong = 'bytes, but a header of its model at most'
  test.each<[string, () => string, string]>([
    ['empty objects', () => `{"a":[${'{},'.repeat(4e6)}{}]}`, tooLong],
    ['tensors without elements', () => `{${manyTensors(1e5)}}`, tooLong],
    ['dimensions', () => `{"a":{"dtype":"F32","data_offsets":[0,0],"shape":[${'1,'.repeat(1e6)}0]}}`, tooLong],
    ['spaces', () => `{${' '.repeat(1e7)}}`, tooLong],
    ['metadata', () => `{"__metadata__":{"a":"${'x'.repeat(1e7)}"}}`, tooLong],
    [
      'metadata that describe a small model',
      () => `{"__metadata__":${JSON.stringify({ aevb: document({}) })},${manyTensors(1e5)}}`,
      tooLong,
    ],
    ['empty objects, but few bytes', () => `{"a":[${'{},'.repeat(2e5)}{}]}`, 'parts that its model needs'],
  ])('by %s', async (_name, header, why) => {
    await writeFile(folder.config, document({}))
    await writeFile(folder.tensors, encode(Buffer.from(header()), Buffer.alloc(0)))
    await expect(readModel(folder.path)).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining(why),
    })
  })

  const manyTensors = (count: number) =>
    Array.from({ length: count }, (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join()

  test('unless it describes a large model itself, beside the config.json of a small one', async () => {
    const large = { ...config, encoder: new Array<number>(20_000).fill(1) }
    const shapes = parseConfig(large).layout.tensors
    const values = Object.fromEntries(shapes.map(({ name, shape }) => [name, new Float32Array(elements(shape))]))
    await saveModel(folder.path, large, shapes, values)
    expect((await readFile(folder.tensors)).readBigUInt64LE()).toBeGreaterThan(2e6)
    // A save leaves such a folder if it is interrupted between its two moves, or before config.json exists.
    const other = join(folder.path, 'other')
    await saveModel(other, config, table, parameters(1))
    await copyFile(join(other, 'config.json'), folder.config)
    expect((await readModel(folder.path)).config).toEqual(large)
    await rm(folder.config)
    expect((await readModel(folder.path)).config).toEqual(large)
  })
})

describe('a hostile model.safetensors is refused', () => {
  const first = 'latent.mean.weight'
  const second = 'latent.mean.bias'
  const withPlace = (name: string, fields: Partial<Place>) => {
    const header = goodHeader()
    header[name] = { ...(header[name] as Place), ...fields }
    return header
  }
  const without = (name: string) => {
    const { [name]: _gone, ...rest } = goodHeader()
    return rest
  }
  const claiming = (length: bigint, rest = Buffer.from('{}')) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(length)
    return Buffer.concat([bytes, rest])
  }

  test.each<[string, () => Buffer, string]>([
    ['empty', () => Buffer.alloc(0), "fewer than a header's length takes"],
    ['of seven bytes', () => Buffer.alloc(7), "fewer than a header's length takes"],
    ['with a header of no bytes', () => claiming(0n), 'its JSON is damaged'],
    ['with a header beyond the file', () => claiming(3n), 'its header claims 3 bytes, but only 2 follow'],
    [
      'with a header of 10 GB',
      () => claiming(10_000_000_000n),
      'its header claims 10000000000 bytes, but only 2 follow',
    ],
    ['with a header of 2^64 − 1', () => claiming(2n ** 64n - 1n), 'claims 18446744073709551615 bytes'],
    ['cut short in its header', () => encode(goodHeader()).subarray(0, 40), 'bytes, but only 32 follow'],
    ['cut short in its data', () => encode(goodHeader()).subarray(0, -1), 'ends at byte'],
    [
      'with bytes after its data',
      () => encode(goodHeader(), Buffer.alloc(dataLength + 4)),
      '4 bytes follow the last tensor',
    ],
    ['with a header that is not UTF-8', () => encode(Buffer.from([0x7b, 0xc0, 0x7d])), 'its JSON is damaged'],
    ['with a header that is not JSON', () => encode(Buffer.from('{"a":')), 'its JSON is damaged'],
    ['with a byte order mark', () => encode(Buffer.from('\ufeff{}')), 'its JSON is damaged'],
    ['with a header that is an array', () => encode([]), 'its JSON is not an object'],
    [
      'with a tensor named __proto__',
      () => encode(Buffer.from(`{"__proto__":{},${JSON.stringify(goodHeader()).slice(1)}`)),
      'tensor "__proto__" is not an object of dtype',
    ],
    [
      'with one more tensor named __proto__',
      () =>
        encode(
          Buffer.from(
            `{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[${dataLength},${dataLength + 4}]},${JSON.stringify(goodHeader()).slice(1)}`,
          ),
          Buffer.alloc(dataLength + 4),
        ),
      'the model has no tensor "__proto__"',
    ],
    [
      'with a tensor that is there twice',
      () => encode(Buffer.from(`{"latent.mean.bias":{},${JSON.stringify(goodHeader()).slice(1)}`)),
      'its JSON has the key "latent.mean.bias" twice',
    ],
    [
      'with a header nested without end',
      () => encode(Buffer.from(`{"a":${'{"a":'.repeat(1e5)}`)),
      'its JSON nests more than 32 deep',
    ],
    [
      'with a name of many letters',
      () => encode({ ...goodHeader(), ['x'.repeat(1e5)]: null }),
      `tensor "${'x'.repeat(77)}..." is not an object of`,
    ],
    [
      'with a shape of many dimensions',
      () => encode(withPlace(first, { shape: [3, ...new Array(1e5).fill(1)] })),
      `has shape [3,${'1,'.repeat(37)}1...], but`,
    ],
    [
      'with metadata that is no object',
      () => encode({ ...goodHeader(), __metadata__: 5 }),
      '__metadata__ is not an object of strings',
    ],
    [
      'with metadata that is not text',
      () => encode({ ...goodHeader(), __metadata__: { a: {} } }),
      '__metadata__ is not',
    ],
    [
      'with a damaged copy of config.json',
      () => encode({ ...goodHeader(), __metadata__: { aevb: '{' } }),
      'its JSON is damaged',
    ],
    [
      'with a tensor that is null',
      () => encode({ ...goodHeader(), [first]: null }),
      `tensor "${first}" is not an object of`,
    ],
    [
      'with a tensor that has a field too many',
      () => encode(withPlace(first, { extra: 1 } as never)),
      'is not an object of',
    ],
    ['of float16', () => encode(withPlace(first, { dtype: 'F16', shape: [6] })), 'has dtype F16, but only F32 is read'],
    ['of a dtype that is none', () => encode(withPlace(first, { dtype: 'toString' })), 'has an unknown dtype'],
    [
      'with a negative size',
      () => encode(withPlace(first, { shape: [-1, -3] })),
      'not an array of integers of at least 0',
    ],
    [
      'with a fractional size',
      () => encode(withPlace(first, { shape: [0.5, 6] })),
      'not an array of integers of at least 0',
    ],
    [
      'with a size that is text',
      () => encode(withPlace(first, { shape: ['3'] })),
      'not an array of integers of at least 0',
    ],
    [
      'with the wrong shape',
      () => encode(withPlace(first, { shape: [3, 1] })),
      'has shape [3,1], but the model’s is [1,3]',
    ],
    [
      'with a shape of 10 GB',
      () => encode(withPlace(first, { shape: [2_500_000_000] })),
      'its shape needs 10000000000',
    ],
    [
      'with a shape that overflows to the right size',
      () => encode(withPlace(first, { shape: [2 ** 32, 2 ** 32, 3] })),
      'but its shape needs',
    ],
    [
      'with an unsafe integer',
      () => encode(withPlace(first, { data_offsets: [0, 2 ** 60] })),
      'not two integers of at least 0',
    ],
    [
      'with a negative offset',
      () => encode(withPlace(first, { data_offsets: [-12, 0] })),
      'not two integers of at least 0',
    ],
    [
      'with three offsets',
      () => encode(withPlace(first, { data_offsets: [0, 12, 12] })),
      'not two integers of at least 0',
    ],
    [
      'with offsets in the wrong order',
      () => encode(withPlace(first, { data_offsets: [12, 0] })),
      'ends before it begins',
    ],
    [
      'with an offset beyond the file',
      () => encode(withPlace(first, { data_offsets: [dataLength, dataLength + 12] })),
      `ends at byte`,
    ],
    [
      'with tensors that overlap',
      () => encode(withPlace(second, { data_offsets: [8, 12] })),
      `tensor "${second}" overlaps another`,
    ],
    ['with a gap', () => encode(without(second)), 'there is a gap before'],
    ['with a gap at the beginning', () => encode(without(first)), 'there is a gap before'],
    [
      'with a tensor missing',
      () => encode(without('likelihood.logits.bias'), Buffer.alloc(dataLength - 12)),
      'the tensor likelihood.logits.bias of the model is missing',
    ],
    [
      'with a tensor that is NaN',
      () => {
        const data = Buffer.alloc(dataLength)
        data.writeFloatLE(Number.NaN, dataLength - 4)
        return encode(goodHeader(), data)
      },
      'likelihood.logits.bias holds NaN, not a finite number',
    ],
  ])('%s', async (_name, bytes, why) => {
    await writeFile(folder.config, document({}))
    await writeFile(folder.tensors, bytes())
    await expect(readModel(folder.path)).rejects.toMatchObject({
      name: 'VAEError',
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining(why.replace('’', "'")),
    })
  })

  test('whichever byte of its tensors is changed', async () => {
    await folder.save(1)
    const bytes = await readFile(folder.tensors)
    for (const back of [1, 5, dataLength]) {
      const damaged = Buffer.from(bytes)
      damaged.writeUInt8((damaged.at(-back) as number) ^ 1, damaged.length - back)
      await writeFile(folder.tensors, damaged)
      await expect(readModel(folder.path)).rejects.toMatchObject({
        message: expect.stringContaining('do not have the sha256'),
      })
    }
  })

  test('wherever it is cut', async () => {
    await folder.save(1)
    const { length } = await readFile(folder.tensors)
    for (let kept = length - 1; kept >= 0; kept -= 13) {
      await truncate(folder.tensors, kept)
      await expect(readModel(folder.path)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    }
  })

  test('and no memory is allocated for what it claims', async () => {
    await writeFile(folder.config, document({ config: { input: 20_000, encoder: [50_000], latent: 1, decoder: [] } }))
    const shapes = parseConfig({ input: 20_000, encoder: [50_000], latent: 1, decoder: [] }).layout.tensors
    let end = 0
    const entries = shapes.map(({ name, shape }) => {
      const begin = end
      end += 4 * elements(shape)
      return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]
    })
    expect(end).toBeGreaterThan(4e9)
    await writeFile(folder.tensors, encode(Object.fromEntries(entries), Buffer.alloc(64)))
    const before = process.memoryUsage().arrayBuffers
    await expect(readModel(folder.path)).rejects.toMatchObject({ message: expect.stringContaining('ends at byte') })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e7)
  })

  test.skipIf(process.platform === 'win32')('a device in its place', async () => {
    await writeFile(folder.config, document({}))
    await symlink('/dev/zero', folder.tensors)
    await expect(readModel(folder.path)).rejects.toMatchObject({ message: expect.stringContaining('it is not a file') })
  })
})

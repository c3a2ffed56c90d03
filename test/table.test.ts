/** Tables: the types of their columns, and models of tables. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cell, Table, type TableRecord, VAE } from '../src/index.js'
import { generator } from './helpers/data.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aevb-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, content: string | Buffer) {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const columnOf = (values: readonly Cell[], options = {}) => {
  const [column] = Table.from(
    values.map((x) => ({ x })),
    options,
  ).schema.columns
  return column
}

describe('the type of a column', () => {
  test.each<[string, readonly Cell[], string, string]>([
    ['numbers', ['1.5', '2', '-3e2'], 'numeric', 'numbers'],
    ['thousands separators', ['1,234.5', '12', '3.25'], 'numeric', 'numbers'],
    ['percent signs', ['12%', '50%', '99.5%'], 'numeric', 'numbers'],
    ['large whole numbers', [1000, 2500, 900, 1000], 'integer', 'whole numbers'],
    ['small whole numbers', [0, 3, 1, 3, 2], 'count', 'whole numbers of at least 0'],
    ['0 and 1', ['0', '1', '1'], 'boolean', '0 and 1'],
    ['yes and no', ['Yes', 'no', 'YES'], 'boolean', 'yes and no'],
    ['booleans', [true, false, true], 'boolean', 'yes and no'],
    ['codes with leading zeros', ['00501', '00502', '00501'], 'categorical', '2 different values'],
    ['words', ['a', 'b', 'a'], 'categorical', '2 different values'],
    ['dates', ['2020-01-03', '2021-12-31', '2020-01-03'], 'datetime', 'dates'],
    ['times', ['2020-01-03T10:00:00Z', '2021-12-31 23:59', new Date(0)], 'datetime', 'dates'],
    ['row numbers', Array.from({ length: 20 }, (_, i) => i + 7), 'id', 'a number for each row, one after another'],
    ['names', Array.from({ length: 200 }, (_, i) => `name ${i}`), 'id', '200 different values'],
    ['one value', ['FI', 'FI'], 'constant', 'one value'],
    ['nothing', ['', 'NA', null], 'id', 'no value at all'],
  ])('%s', (_, values, type, why) => {
    expect(columnOf(values)?.type).toBe(type)
    expect(columnOf(values)?.explanation).toContain(`${why}: ${type}`)
  })

  test('is explained with the share of empty cells', () => {
    const column = columnOf(['1.5', 'NA', '?', '2.5'])
    expect(column?.explanation).toBe('2 of 4 empty; numbers: numeric')
    expect(column?.empty).toBe(0.5)
    expect(column?.range).toEqual([1.5, 2.5])
  })

  test('follows options for empty cells and the decimal mark', () => {
    expect(columnOf(['1.234,5', '0,5', '-'], { decimal: ',', empty: ['-'] })).toMatchObject({
      type: 'numeric',
      range: [0.5, 1234.5],
    })
    expect(columnOf(['NA', 'b', 'NA'], { empty: ['-'] })?.categories).toEqual(['NA', 'b'])
  })
})

describe('Table.read', () => {
  const csv = 'name,age,note\r\nAnn,34,"two\r\nlines"\r\n"Dee, jr",29,"a ""b"""\r\n'

  test.each<[string, string | Buffer]>([
    ['plain.csv', csv],
    ['bom.csv', `\uFEFF${csv}`],
    ['packed.csv.gz', gzipSync(csv)],
    ['tabs.tsv', 'name\tage\tnote\nAnn\t34\t"two\r\nlines"\n"Dee, jr"\t29\t"a ""b"""\n'],
  ])('reads %s', async (name, content) => {
    const table = await Table.read(await file(name, content))
    expect(table.records).toEqual([
      { name: 'Ann', age: '34', note: 'two\r\nlines' },
      { name: 'Dee, jr', age: '29', note: 'a "b"' },
    ])
    expect(table.rows).toBe(2)
    expect(String(table)).toContain('2 rows')
  })

  test.each<[string, string | Buffer, RegExp]>([
    ['empty.csv', '', /empty\.csv: the file is empty$/],
    ['header.csv', 'a,b\n', /header\.csv: no row follows the names of the columns$/],
    ['ragged.csv', 'a,b\n1,2\n1,2,3\n', /ragged\.csv: Invalid Record Length: .* on line 3/],
    ['quote.csv', 'a,b\n1,"2\n', /quote\.csv: Quote Not Closed: .* at line 2/],
    ['twice.csv', 'a,b,a\n1,2,3\n', /twice\.csv: column "a" stands there twice$/],
    ['cut.csv.gz', gzipSync('a,b\n1,2\n'.repeat(100)).subarray(0, 30), /unexpected end of file/],
    ['no.csv.gz', 'a,b\n', /incorrect header check/],
  ])('refuses %s by the file, the line and what is wrong', async (name, content, message) => {
    await expect(Table.read(await file(name, content))).rejects.toThrow(message)
  })

  test('of a file that does not exist is the error of the system', async () => {
    await expect(Table.read(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test.each([{ delimiter: '' }, { empty: 'NA' }, { decimal: ';' }, { sep: ',' }])(
    'refuses the options %j',
    async (bad) => {
      await expect(Table.read('x.csv', bad as never)).rejects.toThrow(/^(Expected|Unknown option)/)
    },
  )
})

/** Two groups of people: most columns depend on the group, so their cells can be inferred from each other. */
function people(count: number, seed: number): Record<string, Cell>[] {
  const random = generator(seed)
  return Array.from({ length: count }, (_, i) => {
    const young = random() < 0.5
    const holes = (value: Cell) => (random() < 0.15 ? null : value)
    return {
      id: i,
      age: holes(Math.round((young ? 25 : 60) + 8 * (random() - 0.5))),
      income: holes((young ? 30_000 : 70_000) + 8000 * (random() - 0.5)),
      group: holes(young ? 'student' : 'pensioner'),
      member: holes(young ? random() < 0.9 : random() < 0.1),
      children: holes(young ? 0 : 2 + Math.floor(2 * random())),
      born: holes(young ? '1999-05-01' : '1964-05-01'),
      country: 'FI',
    }
  })
}

describe('a model of a table', () => {
  const records = people(400, 3)
  const table = Table.from(records)
  const schema = { columns: table.schema.columns }
  const model = async () => {
    const vae = new VAE({ input: schema, encoder: [32], latent: 2, decoder: [32], seed: 2 })
    await vae.fit(table, { epochs: 60, batchSize: 50, verbose: false })
    return vae
  }
  let vae: Awaited<ReturnType<typeof model>>
  beforeAll(async () => {
    vae = await model()
  }, 30_000)

  test('has the likelihoods of its columns', () => {
    expect(Object.fromEntries(schema.columns.map(({ name, type }) => [name, type]))).toEqual({
      id: 'id',
      age: 'integer',
      income: 'numeric',
      group: 'categorical',
      member: 'boolean',
      children: 'count',
      born: 'datetime',
      country: 'constant',
    })
    expect(vae.summary()).toMatch(/likelihood\.0\.mean\.weight +\[3, 32\]/)
    expect(vae.summary()).toMatch(/likelihood\.3\.logits\.weight +\[2, 32\]/)
  })

  test('fills the gaps from the other cells, and does not change those', async () => {
    const filled = await vae.impute(table)
    let [right, wrong, distance, gaps] = [0, 0, 0, 0]
    for (const [i, record] of filled.entries()) {
      const given = records[i] as Record<string, Cell>
      expect(Object.keys(record)).toEqual(Object.keys(given))
      for (const [name, cell] of Object.entries(given)) if (cell !== null) expect(record[name]).toEqual(cell)
      expect(Object.values(record)).not.toContain(null)
      if (given.group === null && given.age !== null) {
        if (record.group === ((given.age as number) < 43 ? 'student' : 'pensioner')) right++
        else wrong++
      }
      if (given.income === null && given.group !== null) {
        distance += Math.abs((record.income as number) - (given.group === 'student' ? 30_000 : 70_000))
        gaps++
      }
    }
    expect(right / (right + wrong)).toBeGreaterThan(0.95)
    // The mean income of all is 20,000 from either.
    expect(distance / gaps).toBeLessThan(6000)
  })

  test('makes new records of the same types and ranges, also with given cells', async () => {
    const fresh = await vae.generate(300, { seed: 1 })
    expect(fresh.length).toBe(300)
    for (const record of fresh) {
      expect(Object.keys(record)).toEqual(schema.columns.map(({ name }) => name))
      expect(record).toMatchObject({ id: null, country: 'FI' })
      expect(Number.isInteger(record.age)).toBe(true)
      expect(['student', 'pensioner']).toContain(record.group)
      expect(record.born).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    }
    const student = fresh.filter(({ group }) => group === 'student').length / 300
    expect(Math.abs(student - 0.5)).toBeLessThan(0.2)
    const given = await vae.generate(100, { where: { group: 'student' }, seed: 1 })
    expect(given.every(({ group }) => group === 'student')).toBe(true)
    const young = given.filter(({ age }) => (age as number) < 43).length
    expect(young).toBeGreaterThan(85)
    expect((await vae.generate(1, { where: { country: 'FI', member: true } }))[0]?.country).toBe('FI')
  })

  test.each<[TableRecord, string]>([
    [{ grup: 'student' }, "for where but received 'grup'"],
    [{ id: 3 }, "for where but received 'id'"],
    [{ group: 'alien' }, "Expected one of pensioner, student for where.group but received 'alien'"],
    [{ group: null }, 'Expected a cell that is not empty for where.group'],
    [{ country: 'SE' }, 'Expected FI, which every row has, for where.country'],
    [{ age: 'old' }, 'Expected a number for where.age'],
  ])('generates nothing where %j', async (where, message) => {
    await expect(vae.generate(1, { where })).rejects.toThrow(message)
  })

  test('takes a table, records and a single record wherever rows go', async () => {
    const [first] = records as [TableRecord]
    const one = (await vae.encode(first)).mean
    expect(one.shape).toEqual([1, 2])
    expect(vae.encodeSync(first).mean).toEqual(one)
    expect((await vae.encode([first])).mean).toEqual(one)
    expect((await vae.anomalyScore(table)).length).toBe(400)
    expect((await vae.evaluate(records)).parts?.length).toBe(4)
  })

  test('finds a record that does not fit', async () => {
    const scores = await vae.anomalyScore([
      { age: 25, income: 30_000, group: 'student', member: true, children: 0, born: '1999-05-01' },
      { age: 25, income: 70_000, group: 'student', member: true, children: 0, born: '1964-05-01' },
    ])
    expect(scores[1]).toBeGreaterThan((scores[0] as number) + 5)
  })

  test('takes an unknown category as missing', async () => {
    const known = { age: 25, income: 30_000, member: true, children: 0, born: '1999-05-01' }
    expect(await vae.encode({ ...known, group: 'alien' })).toEqual(await vae.encode(known))
  })

  test('is saved with the schema', async () => {
    await vae.save(join(folder, 'model'))
    const loaded = await VAE.load(join(folder, 'model'))
    expect(loaded.config.input).toEqual(schema)
    expect(await loaded.generate(5, { seed: 4 })).toEqual(await vae.generate(5, { seed: 4 }))
  })

  test('refuses what does not fit by record and column', async () => {
    await expect(vae.encode([{ age: 'old' }])).rejects.toThrow('Expected a number for x[0].age but received')
    await expect(vae.encode([{ age: 3 }, { born: 'may' }])).rejects.toThrow('for x[1].born but received')
    await expect(new VAE({ input: 2 }).encode(table)).rejects.toThrow("unless the model's `input` is a table's schema")
    expect(() => new VAE({ input: schema, likelihood: 'gaussian' })).toThrow("nothing beside a table's schema")
    expect(() => new VAE({ input: { columns: [{ name: 'a', type: 'id' }] } })).toThrow('a table with a column')
    expect(() => new VAE({ input: { columns: [{ name: 'a', type: 'what' as 'id' }] } })).toThrow(
      'for input.columns[0].type',
    )
    expect(() => Table.from([])).toThrow('an array of at least one record')
  })
})

/**
 * What short trainings gave before the core was rebuilt around a list of layers, bit for bit: parameters, every step's
 * losses, and the results of the trained models. `test/fixtures/make_bits.mjs` made the record.
 *
 * Logarithms and exponentials of the mathematical library are part of the results, so a record is valid for one
 * platform.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { json } from './helpers/fixtures.js'

interface Record {
  readonly platform: string
  readonly isa: string
  /** For each case: its parameters, its answers; null if bfloat16 was not available. */
  readonly digests: readonly (readonly [string, string] | null)[]
}

const records = json<Record[]>('bits', 'digests.json')
const { cases } = json<{ cases: unknown[] }>('bits', 'cases.json')
const { glibcVersionRuntime: glibc } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } })
  .header
const platform = `${process.platform} ${process.arch} glibc ${glibc}`

async function digests(isa: string): Promise<Record['digests'] | 'none'> {
  const env = { ...process.env, AEVB_ISA: isa, AEVB_GEMM: 'builtin' }
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['test/programs/digests.mjs'], { env })
    return JSON.parse(stdout)
  } catch (error) {
    if (String(error).includes('AEVB_ISA')) return 'none'
    throw error
  }
}

describe.skipIf(!records.some((record) => record.platform === platform))(`on ${platform}`, () => {
  test.each(records.filter((record) => record.platform === platform))(
    '$isa gives the recorded bits',
    async ({ isa, digests: recorded }) => {
      const now = await digests(isa)
      if (now === 'none') return
      expect(now.length).toBe(cases.length)
      recorded.forEach((record, i) => {
        if (record && now[i]) expect.soft({ case: i, bits: now[i] }).toEqual({ case: i, bits: record })
      })
    },
    60_000,
  )
})

test('the record has many models, most of which train to an end, and of each instruction set', () => {
  const isas = records.map(({ isa }) => isa)
  expect(isas).toEqual(expect.arrayContaining(['portable', 'avx2', 'avx512']))
  for (const { digests: recorded } of records) {
    expect(recorded.length).toBe(cases.length)
    const trained = recorded.filter((digest) => digest !== null && digest[1] !== 'diverged')
    expect(trained.length).toBeGreaterThan(90)
    expect(new Set(trained.map((digest) => digest?.[0])).size).toBe(trained.length)
  }
})

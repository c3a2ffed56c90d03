/** The memory that a call needs is compared with the available memory before anything is allocated. */

import { describe, expect, test } from 'vitest'
import { VAE, type VAEConfig } from '../src/index.js'
import { availableMemory, type System } from '../src/memory.js'
import { native } from '../src/native.js'
import { bits } from './helpers/data.js'

const GiB = 2 ** 30
const meminfo = (available: number, swap = 0) =>
  `MemTotal: 99 kB\nMemAvailable:    ${available / 1024} kB\nSwapFree: ${swap / 1024} kB\n`

function linux(files: Readonly<Record<string, string>>): System {
  const all: Readonly<Record<string, string>> = { '/proc/meminfo': meminfo(8 * GiB), ...files }
  return { platform: 'linux', read: (path) => all[path], total: () => 16 * GiB, free: () => 3 * GiB }
}

describe('the available memory', () => {
  test.each<[string, Readonly<Record<string, string>>, number]>([
    ['is what the machine can give', {}, 8 * GiB],
    ['counts swap', { '/proc/meminfo': meminfo(8 * GiB, GiB) }, 9 * GiB],
    [
      'is what the address space leaves',
      {
        '/proc/self/limits': `Limit  Soft Limit  Hard Limit  Units\nMax address space   ${6 * GiB}  unlimited  bytes\n`,
        '/proc/self/status': `Name: node\nVmSize:\t ${(2 * GiB) / 1024} kB\n`,
      },
      4 * GiB,
    ],
    [
      "is what a control group leaves, files' cache aside",
      {
        '/proc/self/cgroup': '0::/a/b\n',
        '/sys/fs/cgroup/a/b/memory.max': `${2 * GiB}\n`,
        '/sys/fs/cgroup/a/b/memory.current': `${1.5 * GiB}\n`,
        '/sys/fs/cgroup/a/b/memory.stat': `anon 1\nactive_file ${0.25 * GiB}\ninactive_file ${0.25 * GiB}\n`,
      },
      GiB,
    ],
    [
      'is what a group above leaves',
      {
        '/proc/self/cgroup': '0::/a/b\n',
        '/sys/fs/cgroup/a/b/memory.max': 'max\n',
        '/sys/fs/cgroup/a/memory.max': `${GiB}\n`,
        '/sys/fs/cgroup/a/memory.current': '0\n',
      },
      GiB,
    ],
    [
      'is what a group of the first version leaves',
      {
        '/proc/self/cgroup': '5:cpu:/x\n4:memory:/c\n',
        '/sys/fs/cgroup/memory/c/memory.limit_in_bytes': `${3 * GiB}\n`,
        '/sys/fs/cgroup/memory/c/memory.usage_in_bytes': `${GiB}\n`,
      },
      2 * GiB,
    ],
  ])('%s', (_, files, bytes) => {
    expect(availableMemory(linux(files))).toBe(bytes)
  })

  test("is Node's free memory if the kernel's files are missing, and all memory on other systems", () => {
    expect(availableMemory({ ...linux({}), read: () => undefined })).toBe(3 * GiB)
    expect(availableMemory({ ...linux({}), platform: 'darwin' })).toBe(16 * GiB)
  })
})

describe('what needs more', () => {
  const numbers = /^Too little memory: this needs \d+\.\d\d GB, but 0\.10 GB are available$/
  const refused = expect.objectContaining({ code: 'OUT_OF_MEMORY', message: expect.stringMatching(numbers) })
  const small: VAEConfig = { input: 1000, encoder: [2], latent: 2, decoder: [2] }
  const wide: VAEConfig = { input: 1000, encoder: [20000], latent: 2, decoder: [2] }

  async function withLittle(use: () => Promise<void> | void): Promise<void> {
    native.useAvailableMemory(() => 1e8)
    try {
      await use()
    } finally {
      native.useAvailableMemory(() => availableMemory())
    }
  }

  test('is refused with both numbers, whatever the call', async () => {
    const vae = new VAE(small)
    const z = new Float32Array(60_000)
    const rows = new Uint8Array(50_000 * 1000)
    await withLittle(async () => {
      expect(() => new VAE(wide)).toThrow(refused)
      expect(() => new VAE({ input: 1e5, encoder: [1e4], latent: 2, decoder: [] })).toThrow(refused)
      await expect(vae.decode(z)).rejects.toEqual(refused)
      await expect(vae.sample(30_000)).rejects.toEqual(refused)
      await expect(vae.reconstruct(rows)).rejects.toEqual(refused)
      await expect(vae.encode(new Float32Array(1000 * 40_000))).rejects.toEqual(refused)
      await expect(vae.encode(new Array(30_000).fill(new Array(1000).fill(0)))).rejects.toEqual(refused)
    })
    expect((await vae.decode(z)).shape).toEqual([30_000, 1000])
  })

  test('is refused before an epoch, and leaves the model as it was', async () => {
    const vae = new VAE({ ...wide, encoder: [6000] })
    const before = bits(vae)
    await withLittle(async () => {
      await expect(vae.fit(new Float32Array(8000), { verbose: false })).rejects.toEqual(refused)
    })
    expect(bits(vae)).toEqual(before)
    expect(vae.history.epochs).toEqual([])
    const { epochs } = await vae.fit(new Float32Array(8000), { verbose: false, epochs: 1 })
    expect(epochs).toHaveLength(1)
  })
})

test('more samples than fit into memory are refused without a crash', async () => {
  const vae = new VAE({ latent: 1, decoder: [] })
  await expect(vae.sample(2 ** 31 - 1)).rejects.toMatchObject({ name: 'VAEError', code: 'OUT_OF_MEMORY' })
  expect((await vae.sample(1)).shape).toEqual([1, 784])
})

/**
 * How much memory this process may still take. Under a container's limit an allocation does not fail: the system ends
 * the process when the memory is used. So the core asks before it allocates (native/binding/memory.h).
 */

import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { VAEError } from './errors.js'

/** What is asked of the system. */
export interface System {
  readonly platform: string
  /** The text of a file of the kernel; undefined if there is none. */
  readonly read: (path: string) => string | undefined
  /** All memory, bytes. */
  readonly total: () => number
  /** Bytes that are taken if the kernel's files tell nothing. */
  readonly free: () => number
}

const machine: System = {
  platform: process.platform,
  read: (path) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
  total: totalmem,
  // Node 20 begins without it.
  free: () => process.availableMemory?.() ?? freemem(),
}

/**
 * Bytes that this process may still take. What the kernel gives back when it is asked, the cache of files above all,
 * counts as available, and so does swap. On Linux it is the least of what the machine, each control group above the
 * process (both versions) and the limit of the address space allow. `process.availableMemory()` takes the cache for
 * used, and would refuse what fits. Elsewhere what is free says little, because the system frees memory by itself: there it
 * is all the memory of the machine.
 */
export function availableMemory(system: System = machine): number {
  if (system.platform !== 'linux') return system.total()
  const ofMachine = availableOfMachine(system)
  if (ofMachine === undefined) return system.free()
  const { memory, swap } = ofMachine
  return Math.min(memory + swap, addressSpace(system), ...groupsOf(system).map((group) => group(swap)))
}

/** Needs of fewer bytes are not looked at, as in the core. */
const ALWAYS_AFFORDED = 64 * 1024 * 1024

/** @throws VAEError 'OUT_OF_MEMORY' if so many bytes are more than there are. */
export function afford(bytes: number): void {
  if (bytes < ALWAYS_AFFORDED) return
  const available = availableMemory()
  if (!(bytes > available)) return
  const [needed, found] = [bytes, available].map((value) => `${(value / 1e9).toFixed(2)} GB`)
  throw new VAEError('OUT_OF_MEMORY', `Too little memory: this needs ${needed}, but ${found} are available`)
}

function availableOfMachine({ read }: System): { memory: number; swap: number } | undefined {
  const text = read('/proc/meminfo')
  const bytes = (name: string) => numberAfter(text, `${name}:`) * 1024
  const memory = bytes('MemAvailable')
  return memory >= 0 ? { memory, swap: bytes('SwapFree') || 0 } : undefined
}

/** What `ulimit -v` leaves. */
function addressSpace({ read }: System): number {
  const limit = numberAfter(read('/proc/self/limits'), 'Max address space')
  const used = numberAfter(read('/proc/self/status'), 'VmSize:') * 1024
  return limit - used >= 0 ? limit - used : Number.POSITIVE_INFINITY
}

/** For each control group that the process is in, and each above it: what it may still take, given the machine's swap. */
function groupsOf({ read }: System): ((swap: number) => number)[] {
  const groups: ((swap: number) => number)[] = []
  for (const line of read('/proc/self/cgroup')?.split('\n') ?? []) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (path === undefined) continue
    const isFirst = controllers?.split(',').includes('memory')
    if (controllers !== '' && !isFirst) continue
    const roots = isFirst ? ['/sys/fs/cgroup/memory'] : ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
    for (const root of roots) {
      for (const folder of foldersUpTo(root, path)) {
        const file = (name: string) => read(`${folder}/${name}`)
        groups.push((swap) => (isFirst ? leftInFirst(file, swap) : leftInSecond(file, swap)))
      }
    }
  }
  return groups
}

/** Within a container the path may be that of the host, of which only the root can be seen. */
function foldersUpTo(root: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  return parts.map((_, i) => [root, ...parts.slice(0, parts.length - i)].join('/')).concat(root)
}

type ReadFile = (name: string) => string | undefined

/** Version 2 of control groups. */
function leftInSecond(file: ReadFile, swap: number): number {
  const limit = Number.parseInt(file('memory.max') ?? '', 10)
  if (Number.isNaN(limit)) return Number.POSITIVE_INFINITY
  const stat = file('memory.stat')
  const cache = ['active_file', 'inactive_file', 'slab_reclaimable'].map((name) => numberAfter(stat, `\n${name}`) || 0)
  const used = (Number.parseInt(file('memory.current') ?? '', 10) || 0) - sum(cache)
  const swapLimit = Number.parseInt(file('memory.swap.max') ?? 'max', 10)
  const swapUsed = Number.parseInt(file('memory.swap.current') ?? '', 10) || 0
  const ownSwap = Number.isNaN(swapLimit) ? swap : Math.min(swap, Math.max(0, swapLimit - swapUsed))
  return Math.max(0, limit - Math.max(0, used)) + ownSwap
}

/** Version 1, whose limit of memory and swap together is a file of its own. A limit that is none is a huge number. */
function leftInFirst(file: ReadFile, swap: number): number {
  const number = (name: string) => Number.parseInt(file(name) ?? '', 10)
  const limit = number('memory.limit_in_bytes')
  if (Number.isNaN(limit)) return Number.POSITIVE_INFINITY
  const stat = file('memory.stat')
  const cache = sum(['total_active_file', 'total_inactive_file'].map((name) => numberAfter(stat, `\n${name}`) || 0))
  const left = Math.max(0, limit - Math.max(0, number('memory.usage_in_bytes') - cache))
  const both = number('memory.memsw.limit_in_bytes') - (number('memory.memsw.usage_in_bytes') - cache)
  return Number.isNaN(both) ? left + swap : Math.min(left + swap, Math.max(0, both))
}

/** The whole number behind a name; NaN if there is none. */
function numberAfter(text: string | undefined, name: string): number {
  const lines = `\n${text ?? ''}`
  const at = lines.indexOf(name)
  return at < 0 ? Number.NaN : Number.parseInt(lines.slice(at + name.length), 10)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

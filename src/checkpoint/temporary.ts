/**
 * Files on their way to their names, and what of them a killed save has left.
 *
 * A name says which process writes the file: `.<name>.<where>-<pid>-<since>-<random>.tmp`, where `where` stands for the
 * machine, its start and the space of process numbers, and `since` for the second in which the process began. A file is
 * left over if its process, as far as can be seen from here, is no more. For a process elsewhere, such as another
 * container, nothing can be seen: its file is left over if nothing has been written to it for an hour.
 */

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** Names of version 0 did not say whose they are; no save that runs now makes such. */
const pattern = /^\.(?:config\.json|model\.safetensors)\.(?:([0-9a-f]{8})-(\d+)-(\d+)-)?[0-9a-f]{12}\.tmp$/

/** A save writes all the time, or waits for the disk. */
const LONGEST_SILENCE_MS = 60 * 60 * 1000

/** Clocks are read at different moments, and may be set. */
const SAME_START_S = 5

export function temporaryName(path: string): string {
  const owner = `${here()}-${process.pid}-${startOfThis()}`
  return join(dirname(path), `.${basename(path)}.${owner}-${randomBytes(6).toString('hex')}.tmp`)
}

/** Removes what killed saves have left in a folder. What cannot be removed stays: it takes space and does no other harm. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const path = join(folder, name)
    if (await isLeftover(name, path)) await rm(path, { force: true }).catch(ignore)
  }
}

async function isLeftover(name: string, path: string): Promise<boolean> {
  const [match, where, pid, since] = pattern.exec(name) ?? []
  if (match === undefined) return false
  if (where === undefined) return true
  if (where !== here()) {
    const silence = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    return silence > LONGEST_SILENCE_MS
  }
  // Another thread of this process may be saving; an earlier process may have had the same number.
  if (Number(pid) === process.pid) return Math.abs(Number(since) - startOfThis()) > SAME_START_S
  return !isAlive(Number(pid))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** The second in which this process began, whichever of its threads asks. */
function startOfThis(): number {
  return Math.round(Date.now() / 1000 - process.uptime())
}

let known: string | undefined

/** Within which process numbers mean the same. */
function here(): string {
  known ??= createHash('sha256')
    .update([hostname(), read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')), namespace()].join('\n'))
    .digest('hex')
    .slice(0, 8)
  return known
}

function namespace(): string {
  return read(() => readlinkSync('/proc/self/ns/pid'))
}

/** Only Linux has these. */
function read(from: () => string): string {
  try {
    return from()
  } catch {
    return ''
  }
}

function ignore(): void {}

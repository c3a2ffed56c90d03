// What every example needs: its flags, rows of MNIST, random numbers of its own, tables, and a place for its pictures.

import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
// First, for it says what to do if the package is not built.
import 'aevb'

const { checkReplaceable, checkWritable } = await import('../../dist/cli/writable.js')
const { makeFolder } = await import('../../dist/folders.js')

const begin = performance.now()
const example = process.argv[1]
const options = {
  // A few seconds' worth of everything, to see that it runs; the numbers then mean nothing.
  quick: { type: 'boolean', default: false },
  out: { type: 'string', default: fileURLToPath(new URL('../out', import.meta.url)) },
  help: { type: 'boolean', short: 'h', default: false },
}

// Whoever reads has had enough, as `head` has.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit()
    process.exitCode = 1
  })
}
const values = flags()
await refuse(checkWritable, values.out)

/** Those of the command line; --help and what is no flag end the program. */
function flags() {
  try {
    const { values, tokens } = parseArgs({ options, tokens: true })
    const names = tokens.map(({ name }) => name)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice) throw new Error(`Option '--${twice}' is given more than once`)
    if (values.out.trim() === '') throw new Error('Expected the path of a folder for --out')
    if (!values.help) return values
    console.log(`${usage()}\n\n${about()}`)
    process.exit()
  } catch (error) {
    // The first sentence: the rest tells how to pass what begins with a dash.
    console.error(`${error.message.split('. ')[0]}\n${usage()}`)
    process.exit(1)
  }
}

function usage() {
  return `usage: node ${relative('', example)} [--quick] [--out <folder>]`
}

/** The comment that the example begins with. */
function about() {
  const lines = readFileSync(example, 'utf8').split('\n')
  const end = lines.findIndex((line) => !line.startsWith('//'))
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n')
}

/** Ends the program in a line if a folder or file cannot be written, before minutes of training are lost to it. */
async function refuse(check, path) {
  try {
    await check(path)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

/** What the full example takes, or with --quick the other. */
export const size = (full, quick) => (values.quick ? quick : full)

/** Heading of a part that takes a while; fit writes its own progress, one line an epoch. */
export const step = (text) => console.error(`\n${text}`)

/** The first rows of a tensor. */
export function firstRows({ data, shape: [rows, ...row] }, count) {
  const taken = Math.min(rows, count)
  return { data: data.subarray(0, (taken * data.length) / rows), shape: [taken, ...row] }
}

/** Aligned columns: the first one left, numbers right. */
export function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i].length)))
  const pad = (text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))
  const lines = cells.map((row) => row.map(pad).join('  ').trimEnd())
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  console.log(`\n${[lines[0], rule, ...lines.slice(1)].join('\n')}`)
}

/** Refuses, before anything is computed, what cannot be written of the pictures that will be. */
export async function willDraw(...names) {
  for (const name of names) await refuse(checkReplaceable, join(values.out, name))
}

/** Writes a picture and says where. One that cannot be written leaves what else the example does. */
export async function picture(name, content, what) {
  const path = join(values.out, name)
  try {
    await makeFolder(values.out)
    await writeFile(path, content)
    console.log(`\n${relative('', path)}  ${what}`)
  } catch (error) {
    console.error(`\n${path} cannot be written: ${error.message}`)
    process.exitCode = 1
  }
}

export function done() {
  console.log(`\nDone in ${((performance.now() - begin) / 1000).toFixed(1)} s.`)
}

/** Uniform numbers in [0, 1) and normal ones, the same for the same seed (mulberry32; Box and Muller 1958). */
export function randomNumbers(seed) {
  let state = seed
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}

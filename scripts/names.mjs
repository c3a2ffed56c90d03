// Writes src/names.ts from native/core/spec/names.def, which says each list of kinds once.
//
//   node scripts/names.mjs            writes it
//   node scripts/names.mjs --check    fails if it differs

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const source = process.env.AEVB_NAMES ?? here('../native/core/spec/names.def')
const target = here('../src/names.ts')

function generate(text) {
  const lists = []
  for (const [, macro, first, second] of text.matchAll(/^AEVB_(KIND|NAME|NAME_AS)\((\w+)(?:, (\w+))?\)/gm)) {
    if (macro === 'KIND') lists.push({ list: second, names: [] })
    else lists.at(-1).names.push(second ?? first)
  }
  const code = lists.map(({ list, names }) => {
    const type = `${list[0].toUpperCase()}${list.slice(1)}`
    const items = names.map((name) => `  '${name}',\n`).join('')
    return `export const ${list}Names = [\n${items}] as const\nexport type ${type}Name = (typeof ${list}Names)[number]\n`
  })
  const head =
    '/** The names of every list of kinds. `node scripts/names.mjs` wrote this from native/core/spec/names.def. */\n\n'
  return `// biome-ignore-all format: generated\n${head}${code.join('\n')}`
}

const wanted = generate(readFileSync(source, 'utf8'))
if (process.argv[2] !== '--check') writeFileSync(target, wanted)
else if (readFileSync(target, 'utf8') !== wanted) {
  console.error('src/names.ts differs from native/core/spec/names.def: run node scripts/names.mjs')
  process.exitCode = 1
}

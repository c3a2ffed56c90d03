// The single changes that a mutation run can make to the core: the place of each, and the text that replaces it.
//
// A change is found in the text, by patterns that rely on clang-format: binary operators have a space on either side,
// `*` and `&` of a type have none before them. What does not compile is drawn again (run.mjs).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files without arithmetic that a test could compare with a value: speed, and what the machine can do. */
const WITHOUT_CHANGES = [
  /reference/, // the plain twins, which are compared with finite differences, integrals and PyTorch
  /(runtime\/thread_pool|math\/target|math\/foreach_target|tensor\/aligned)/,
  /math\/simd\/neon/, // not compiled on the machines that run this
  /spec\.h$/, // defaults that every caller sets
]

/** Lines that decide only how fast the result comes. */
const FOR_SPEED =
  /prefetch|\b(\w*WORTH\w*|\w+_AHEAD|CACHE_LINE|ROWS_BLOCK|BATCH_BLOCK|BLOCK_ROWS|BLOCK|CHUNK|ROWS_PER_TASK|WIDE_TILE_ROWS|DRAWS_PER_PASS|ELEMENTWISE_ROWS|SOFTMAX_ROWS|MIXTURE_ROWS|LANE_COLUMNS|MOST_IN_LANES|MOST_TERMS|ZEROS_RUN|ROW_PANELS) =|sensible_threads|reserve\(|\bsoon\b|\bahead\b/

/** Same length and same line breaks, with blanks for comments, strings, directives, messages and assertions. */
export function codeOf(text) {
  const blank = (match) => match.replace(/[^\n]/g, ' ')
  return text
    .replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)'/g, blank)
    .replace(/^[ \t]*#(?:[^\n\\]|\\[\s\S])*/gm, blank)
    .replace(/\b(?:static_assert|throw)\b[^;]*;|^[ \t]*template <[^\n]*|^(?:AEVB_\w+|using .*|namespace .*)$/gm, blank)
}

const OPERAND = String.raw`-?[\w.]+(?:->\w+)*(?:\[[^[\]()]*\])?(?:\([^()]*\))?`
const next = { '<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'], '==': ['!='], '!=': ['=='] }
const other = { '+': '-', '-': '+', '*': '/', '/': '*', '%': '/', '&&': '||', '||': '&&', '<<': '>>', '>>': '<<' }
const names = {
  less: ['less_equal', 'greater'],
  less_equal: ['less', 'greater_equal'],
  greater: ['greater_equal', 'less'],
  greater_equal: ['greater', 'less_equal'],
  min: ['max'],
  max: ['min'],
  fma: ['fnma'],
  fnma: ['fma'],
  true: ['false'],
  false: ['true'],
}

/** Every kind of change: what it matches in a line of code, and what may replace it. */
const KINDS = {
  operator: [/(?<= )(?:[-+*/%]|&&|\|\||<<|>>)(?=[ \n]|$)/g, ([sign]) => [other[sign]]],
  comparison: [/(?<= )(?:<=?|>=?|[=!]=)(?=[ \n]|$)/g, changedComparison],
  assignment: [/(?<= )[-+*/]=(?= )/g, ([sign]) => [`${other[sign[0]]}=`]],
  sign: [/(?<=[(,=?:{[] ?|return |[-+*/] )-(?=[\w(.])/g, () => ['']],
  negation: [/!(?=[\w(])/g, () => ['']],
  name: [
    /(?<![\w.>])(?:less|less_equal|greater|greater_equal|fma|fnma)(?=\()|\b(?:std::)?(?:min|max)(?=[(<])|\b(?:true|false)\b/g,
    ([name]) => names[name.replace('std::', '')].map((to) => (name.startsWith('std::') ? `std::${to}` : to)),
  ],
  constant: [
    /(?<![\w.])-?(?:0x[\da-f]*\.?[\da-f]*p[-+]?\d+f?|0x[\da-f]+|\d[\d']*\.\d*(?:e[-+]?\d+)?f?|\d[\d']*(?:e[-+]?\d+)?)(?![\w.'])/gi,
    ([number]) => changedNumber(number),
  ],
  index: [/(?<=[\w)\]]\[)[^[\]]+(?=\])/g, ([index]) => [`${index} + 1`, `${index} - 1`]],
  term: [new RegExp(` [-+*] ${OPERAND}(?=[;,)])`, 'g'), () => ['']],
  arguments: [/(?<![\w:])(?!if\b|for\b|while\b|switch\b|return\b)[\w:.]+(?:<[\w, ]*>)?\(/g, swappedArguments],
  statement: [
    /^\s+(?:\*?[\w.>[\]-]+(?:\([^()]*\))? [-+*/]?= .*|[\w.:>-]+(?:<[\w, ]*>)?\(.*\));$/g,
    ([line]) => [blankOf(line)],
  ],
}

function blankOf(line) {
  return /^\s+(?:return|throw|delete|else)\b/.test(line) ? undefined : `${line.match(/^\s+/)[0]};`
}

/**
 * Leaves out changes of a comparison that matter only if both sides are equal, and then change no result:
 * `a < b ? a : b` takes the other of two equal numbers, the last whole vector of a row is left to the code for a partial
 * vector, or that code runs for an empty one.
 */
function changedComparison(match, line) {
  const both = next[match[0]]
  const picksOne = /([\w.:()]+) [<>]=? ([\w.:()]+) \? (?:\1 : \2|\2 : \1)(?![\w.])/.exec(line)
  const within = picksOne && match.index > picksOne.index && match.index < picksOne.index + picksOne[0].length
  const boundsLanes = /F32::size <= \w+;|if \(i < \w+\)/.test(line)
  return within || boundsLanes ? [both.at(-1)] : both
}

function changedNumber(number) {
  const float = /^-?(?:0x[\da-f.]*p|\d[\d']*\.|\d[\d']*e)/i.test(number)
  if (!float) {
    const value = BigInt(number.replaceAll("'", '').replace('-', ''))
    const sign = number.startsWith('-') ? '-' : ''
    return value === 0n ? ['1'] : [`${sign}${value + 1n}`, `${sign}${value - 1n}`]
  }
  if (/^-?0x/i.test(number)) {
    const exponent = Number(number.match(/p([-+]?\d+)/i)[1])
    return [number.replace(/p[-+]?\d+/i, `p${exponent + 1}`)]
  }
  const suffix = number.endsWith('f') ? 'f' : ''
  const value = Number(number.replaceAll("'", '').replace(/f$/, ''))
  const text = (changed) => (/[.e]/.test(String(changed)) ? `${changed}${suffix}` : `${changed}.0${suffix}`)
  return value === 0 ? [text(1)] : [text(value * 1.125), text(-value)]
}

/** Swaps two adjacent arguments of a call. */
function swappedArguments(match, line) {
  const begin = match.index + match[0].length
  const parts = []
  let depth = 0
  let from = begin
  let end = -1
  for (let i = begin; i < line.length && end < 0; i++) {
    if ('([{'.includes(line[i])) depth++
    else if (depth > 0 && ')]}'.includes(line[i])) depth--
    else if (depth === 0 && (line[i] === ',' || line[i] === ')')) {
      parts.push(line.slice(from, i).trim())
      from = i + 1
      if (line[i] === ')') end = i
    }
  }
  const declares = parts.some((part) => /^(?:const )?[\w:<>, ]+[&*]*(?: const)? \w+$/.test(part))
  if (end < 0 || parts.length < 2 || declares) return []
  const symmetric = /^(?:std::)?(?:f?n?ma|min|max|swap|multiply_wide)\b|_(?:and|or|xor|add|mul)_/.test(match[0])
  const swaps = []
  for (let i = symmetric ? 1 : 0; i + 1 < parts.length; i++) {
    const swapped = parts.with(i, parts[i + 1]).with(i + 1, parts[i])
    if (parts[i] !== parts[i + 1]) swaps.push({ text: swapped.join(', '), from: begin, to: end })
  }
  return swaps
}

/** @returns every change that a text allows: { file, line (from 1), kind, before, after (the whole line) } */
export function changesOf(file, text) {
  const lines = text.split('\n')
  const code = codeOf(text).split('\n')
  const declaresArray =
    /^\s*(?:static |const |constexpr |alignas\(\w+\) )*(?:float|double|int|bool|F32|I32|F64|Mask|[\w:]+_t|typename [\w:]+|const char\*|[A-Z]\w+) \w+\[/
  const changes = []
  for (const [number, line] of code.entries()) {
    if (FOR_SPEED.test(lines[number]) || line.trim() === '') continue
    const seen = new Set([lines[number]])
    for (const [kind, [pattern, replacements]] of Object.entries(KINDS)) {
      if (kind === 'index' && declaresArray.test(line)) continue
      for (const match of line.matchAll(pattern)) {
        for (const replacement of replacements(match, line)) {
          if (replacement === undefined) continue
          const { text, from, to } = replacement.text
            ? replacement
            : { text: replacement, from: match.index, to: match.index + match[0].length }
          const after = lines[number].slice(0, from) + text + lines[number].slice(to)
          if (seen.has(after)) continue
          seen.add(after)
          changes.push({ file, line: number + 1, kind, before: lines[number], after })
        }
      }
    }
  }
  return changes
}

/** The files of the core that may be changed, from `root`, sorted. */
export function coreFiles(root) {
  return readdirSync(join(root, 'native/core'), { recursive: true })
    .map((file) => `native/core/${file.replaceAll('\\', '/')}`)
    .filter((file) => /\.(cc|h)$/.test(file) && !WITHOUT_CHANGES.some((pattern) => pattern.test(file)))
    .sort()
}

/** mulberry32: the same draws everywhere. */
export function generator(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
}

function shuffle(items, random) {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[items[i], items[j]] = [items[j], items[i]]
  }
  return items
}

function groups(items, keyOf) {
  const byKey = new Map()
  for (const item of items) byKey.set(keyOf(item), [...(byKey.get(keyOf(item)) ?? []), item])
  return [...byKey.values()]
}

const pick = (items, random) => items[Math.floor(random() * items.length)]

/**
 * For each file how many changes it gets, by its lines that can be changed, and its changes in the order of drawing:
 * a line that was not drawn yet, one of the kinds that it allows, one change of the kind.
 *
 * @returns { file, quota, changes }[], and `order`: the indices of files, one for each change of the run
 */
export function draw(root, count, seed) {
  const files = coreFiles(root)
    .map((file) => ({ file, all: changesOf(file, readFileSync(join(root, file), 'utf8')) }))
    .filter(({ all }) => all.length > 0)
    .map(({ file, all }, index) => {
      const random = generator(seed * 1009 + index)
      const lines = groups(all, ({ line }) => line)
      const changes = shuffle([...lines], random).map((changesOfLine) => {
        const kinds = groups(changesOfLine, ({ kind }) => kind)
        return pick(pick(kinds, random), random)
      })
      return { file, changes, share: lines.length }
    })
  const total = files.reduce((sum, { share }) => sum + share, 0)
  // Largest remainders, and no source file without a change.
  let given = 0
  for (const file of files) {
    file.exact = (count * file.share) / total
    file.quota = Math.max(file.file.endsWith('.cc') ? 1 : 0, Math.floor(file.exact))
    given += file.quota
  }
  const byRemainder = files.toSorted((a, b) => b.exact - b.quota - (a.exact - a.quota))
  for (let i = 0; given < count; i = (i + 1) % byRemainder.length, given++) byRemainder[i].quota++
  const order = files.flatMap(({ quota }, index) => Array(quota).fill(index))
  return { files, order: shuffle(order, generator(seed)) }
}

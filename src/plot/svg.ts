/** Pictures as SVG: charts of Observable Plot side by side, below a title, with a legend of what their colours mean. */

import type { PlotOptions } from '@observablehq/plot'

export type Plot = typeof import('@observablehq/plot')

/** An entry of the legend. */
export interface Key {
  readonly name: string
  readonly colour: string
  readonly mark: 'line' | 'dot' | 'line and dot'
  /** The dashes of a line: lengths in pixels, as SVG's stroke-dasharray. */
  readonly dash?: string | undefined
}

export type Chart = PlotOptions & { readonly width: number; readonly height: number }

export interface Picture {
  readonly title?: string | undefined
  /** Smaller lines below the title. */
  readonly notes?: readonly string[] | undefined
  /** From left to right. */
  readonly charts: (plot: Plot) => readonly Chart[]
  /** To the right of the charts. */
  readonly keys: readonly Key[]
}

/** Told apart by colour-blind readers too (Okabe and Ito 2008), then two more. */
export const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#7f7f7f',
  '#000000',
  '#9467bd',
  '#8c564b',
] as const

const FONT = 'system-ui, sans-serif'
const [TITLE, NOTE, LABEL] = [14, 11, 11]
const PADDING = 12
const KEY_HEIGHT = 18
const LONGEST_KEY = 40

/** What is used of the elements that the document makes. */
interface Element {
  readonly localName: string
  readonly children: Iterable<Element>
  readonly outerHTML: string
  textContent: string | null
  setAttribute(name: string, value: string): void
  append(...children: Element[]): void
}

/**
 * The SVG of a picture, which is XML of its own. Its background is white and opaque, so that it reads the same on a light
 * page and on a dark one. Both libraries are loaded here, where something is drawn.
 */
export async function svg({ title, notes = [], charts, keys }: Picture): Promise<string> {
  const [plot, { DOMParser }] = await Promise.all([import('@observablehq/plot'), import('linkedom/worker')])
  const document = new DOMParser().parseFromString('<svg/>', 'image/svg+xml', {})
  const make = (name: string, attributes: Readonly<Record<string, string | number>>, text?: string): Element => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name, {}) as unknown as Element
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
    if (text !== undefined) element.textContent = xmlText(text)
    return element
  }
  const children: Element[] = []

  let y = PADDING
  if (title !== undefined) {
    y += TITLE
    children.push(make('text', { x: PADDING, y, 'font-size': TITLE, 'font-weight': 'bold', fill: '#000' }, title))
    y += 4
  }
  for (const note of notes) {
    y += NOTE + 2
    children.push(make('text', { x: PADDING, y, 'font-size': NOTE, fill: '#555' }, note))
  }
  if (y > PADDING) y += 10
  const top = y

  let x = PADDING
  for (const options of charts(plot)) {
    const chart = plot.plot({ ...options, document } as PlotOptions) as unknown as Element
    const { width, height } = options
    // Its contents alone: the element's own style would make it as wide as a page.
    const group = make('g', { transform: `translate(${x},${top})`, fill: '#000', 'text-anchor': 'middle' })
    group.append(...[...chart.children].filter(({ localName }) => localName !== 'style'))
    x += width
    y = Math.max(y, top + height)
    children.push(group)
  }

  x += 10
  const names = keys.map(({ name }) => (name.length > LONGEST_KEY ? `${name.slice(0, LONGEST_KEY - 1)}…` : name))
  keys.forEach(({ colour, mark, dash }, i) => {
    const middle = top + 12 + i * KEY_HEIGHT
    const entry = make('g', { 'aria-label': 'legend' })
    if (mark !== 'dot') {
      const line = { x1: x, x2: x + 22, y1: middle, y2: middle, stroke: colour, 'stroke-width': 2 }
      entry.append(make('line', dash === undefined ? line : { ...line, 'stroke-dasharray': dash }))
    }
    if (mark !== 'line') entry.append(make('circle', { cx: x + 11, cy: middle, r: 4, fill: colour }))
    entry.append(make('text', { x: x + 28, y: middle, dy: '0.32em', fill: '#000' }, names[i] ?? ''))
    children.push(entry)
  })
  // Nothing here measures text: 0.6 em is more than the mean width of a letter.
  if (keys.length > 0) x += 28 + Math.max(...names.map(({ length }) => length)) * LABEL * 0.6
  const width = Math.ceil(x + PADDING)
  const height = Math.ceil(Math.max(y, top + 12 + keys.length * KEY_HEIGHT) + PADDING)

  const picture = make('svg', {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': FONT,
    'font-size': LABEL,
  })
  picture.append(make('rect', { width, height, fill: 'white' }), ...children)
  return picture.outerHTML
}

/** Text without the characters that XML does not have. */
export function xmlText(text: string): string {
  return text.replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
}

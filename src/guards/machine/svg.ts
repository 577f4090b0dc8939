import { layersOf } from './layers.ts'
import { checkMachine, type StateMachine } from './machine.ts'

const HEIGHT = 36
const ROW = 66
const GAP = 70
const MARGIN = 24
const LETTER = 8.2

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
}

/** Draws the machine as a standalone SVG, from left to right. Colours follow the reader's light or dark setting. */
export function toSvg(machine: StateMachine): string {
  checkMachine(machine)
  const boxes = placed(machine)
  const all = [...boxes.values()]
  const right = Math.max(...all.map(({ x, width }) => x + width))
  const bottom = Math.max(...all.map(({ y }) => y + HEIGHT))
  const arrows = machine.states.flatMap((from) =>
    (machine.transitions[from] ?? []).map((to) => arrow(boxes.get(from) as Box, boxes.get(to) as Box, bottom)),
  )
  const shapes = machine.states.map((state) => shape(state, boxes.get(state) as Box, machine))
  // An arrow that goes back, or past a layer, passes below everything.
  const [width, height] = [right + MARGIN, bottom + MARGIN + 40]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}" role="img" aria-label="${escaped(machine.name)}">
<title>${escaped(machine.name)}</title>
<style>text{font:14px system-ui,sans-serif;fill:#1f2328}rect{fill:#fff;stroke:#57606a;stroke-width:1.5}.end{stroke-width:3}path{fill:none;stroke:#57606a;stroke-width:1.5}marker path{fill:#57606a;stroke:none}@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect{fill:#161b22;stroke:#8b949e}path{stroke:#8b949e}marker path{fill:#8b949e}}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
${[...arrows, ...shapes].join('\n')}
</svg>
`
}

function placed(machine: StateMachine): ReadonlyMap<string, Box> {
  const boxes = new Map<string, Box>()
  const layers = layersOf(machine)
  const tallest = Math.max(...layers.map(({ length }) => length))
  let x = MARGIN
  for (const layer of layers) {
    const width = Math.max(...layer.map((state) => [...state].length * LETTER + 24))
    for (const [nth, state] of layer.entries()) {
      boxes.set(state, { x, y: MARGIN + (nth + (tallest - layer.length) / 2) * ROW, width })
    }
    x += width + GAP
  }
  return boxes
}

function shape(state: string, { x, y, width }: Box, machine: StateMachine): string {
  const isEnd = (machine.transitions[state] ?? []).length === 0
  const middle = `x="${round(x + width / 2)}" y="${round(y + HEIGHT / 2 + 5)}"`
  const box = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${HEIGHT}" rx="${HEIGHT / 2}"`
  return `<rect ${box}${isEnd ? ' class="end"' : ''}/><text ${middle} text-anchor="middle">${escaped(state)}</text>`
}

function arrow(from: Box, to: Box, bottom: number): string {
  const [startY, endY] = [from.y + HEIGHT / 2, to.y + HEIGHT / 2]
  const start = from.x + from.width
  const isNext = to.x > from.x && to.x - start <= GAP + 1
  if (isNext) {
    const bend = (start + to.x) / 2
    return path(
      `M${round(start)} ${round(startY)}C${round(bend)} ${round(startY)} ${round(bend)} ${round(endY)} ${round(to.x)} ${round(endY)}`,
    )
  }
  const [a, b] = [from.x + from.width / 2, to.x + to.width / 2]
  const low = bottom + 40
  return path(
    `M${round(a)} ${round(from.y + HEIGHT)}C${round(a)} ${round(low)} ${round(b)} ${round(low)} ${round(b)} ${round(to.y + HEIGHT)}`,
  )
}

const path = (d: string) => `<path d="${d}" marker-end="url(#tip)"/>`
const round = (value: number) => Math.round(value * 10) / 10

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}

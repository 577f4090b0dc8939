import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A place in the user's source code. */
export interface Site {
  /** Relative to the working directory, with forward slashes. */
  readonly file: string
  readonly line: number
  /** The text of that line, where the file can be read. */
  readonly source: string
}

/** The files of this package: `src`, or `dist` where it is installed. Asked late: a bundle for Workers has no URL. */
const ours = () => fileURLToPath(new URL('../..', import.meta.url))
const FRAME = /(?:\(|at (?:async )?)((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]*?):(\d+):\d+\)?$/
const DEEP = 60

const files = new Map<string, readonly string[]>()

/** Returns the innermost line of user code on the stack, `await`ing callers included; `undefined` if there is none. */
export function callSite(): Site | undefined {
  const here = ours()
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = DEEP
  const { stack = '' } = new Error()
  Error.stackTraceLimit = before
  for (const text of stack.split('\n').slice(1)) {
    const [, place, line] = FRAME.exec(text.trim()) ?? []
    if (place === undefined) continue
    const path = pathOf(place)
    if (path.startsWith(here) || path.includes(`${sep}node_modules${sep}`)) continue
    return siteOf(path, Number(line))
  }
  return undefined
}

function pathOf(place: string): string {
  // Loaders add a query to a module that is loaded again.
  const plain = place.replace(/[?#].*$/, '')
  return plain.startsWith('file://') ? fileURLToPath(plain) : plain
}

function siteOf(path: string, line: number): Site {
  let lines = files.get(path)
  if (lines === undefined) {
    lines = linesOf(path)
    files.set(path, lines)
  }
  const file = relative(process.cwd(), path).split(sep).join('/')
  return { file, line, source: (lines[line - 1] ?? '').trim() }
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/)
  } catch {
    return []
  }
}

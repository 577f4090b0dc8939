import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

/** A moment in the handling of a message. */
export type Moment =
  /** Nothing is claimed yet. */
  | 'received'
  /** Claimed; the handler has done nothing. */
  | 'begun'
  /** After the first of the effect's two writes. */
  | 'between'
  /** After both writes; the transaction is not committed, or the lease not completed. */
  | 'written'
  /** Effect and record are durable; the broker does not know yet. */
  | 'recorded'

/** What happens to the process at a moment of a message. Plain data, so that it can be passed to a process. */
export interface Mishap {
  readonly at: Moment
  /** Default: every message. */
  readonly ids?: readonly string[]
  /** `'freeze'`: the process stands still until it gets SIGCONT. */
  readonly do: 'kill' | 'exit' | 'freeze' | 'throw'
  /** How often, counted over all processes that work in the same folder. Default: always. */
  readonly times?: number
}

/** Returns the function that is called at every moment of every message. */
export function mishapsIn(directory: string, mishaps: readonly Mishap[]): (at: Moment, id: string) => void {
  return (at, id) => {
    for (const mishap of mishaps) {
      if (mishap.at !== at || !(mishap.ids?.includes(id) ?? true)) continue
      if (mishap.times === undefined || isOneOf(directory, `${at}-${mishap.do}`, mishap.times)) befall(mishap.do, id)
    }
  }
}

function befall(deed: Mishap['do'], id: string): void {
  switch (deed) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      return
    case 'freeze':
      process.kill(process.pid, 'SIGSTOP')
      return
    case 'exit':
      process.exit(1)
      return
    case 'throw':
      throw new Error(`it went wrong with ${id}`)
  }
}

/** Exclusive creation succeeds once per file, across processes: each file stands for one of the allowed times. */
function isOneOf(directory: string, name: string, times: number): boolean {
  for (let count = 1; count <= times; count++) {
    try {
      closeSync(openSync(join(directory, `${name}-${count}`), 'wx'))
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EEXIST') throw error
    }
  }
  return false
}

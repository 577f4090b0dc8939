import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { RocketConsumer, RocketMessage } from '../../../src/messaging/rocketmq.ts'

/**
 * What the broker was asked to forget, and what it answered, in a file that consumers of any process write: the broker
 * itself cannot be asked which messages it still has to hand over.
 */
type Line = readonly [verb: 'opened' | 'asked' | 'done' | 'refused', group: string, message: string, at: number]

/** A message that the broker did not hear of comes again by then. */
const IN_DOUBT_MS = 25_000

/** The client, with every acknowledgement written down; `isLost` says which never leave. */
export function journaled(
  client: RocketConsumer,
  path: string,
  group: string,
  isLost: () => boolean = () => false,
): RocketConsumer {
  const write = (verb: Line[0], message: string) =>
    appendFileSync(path, `${JSON.stringify([verb, group, message, Date.now()] satisfies Line)}\n`)
  write('opened', '')
  return {
    receive: (max, ms) => client.receive(max, ms),
    changeInvisibleDuration: (message, ms) => client.changeInvisibleDuration(message, ms),
    shutdown: () => client.shutdown(),
    async ack(message: RocketMessage) {
      const { messageId } = message
      if (isLost()) throw new Error('the acknowledgement was lost')
      write('asked', messageId)
      try {
        await client.ack(message)
      } catch (error) {
        write('refused', messageId)
        throw error
      }
      write('done', messageId)
    },
  }
}

/** How many of so many messages each group has not settled, in all. */
export function unsettled(path: string, published: number): number {
  const groups = new Map<string, Map<string, Line>>()
  for (const line of linesOf(path)) {
    const [verb, group, message] = line
    const messages = groups.get(group) ?? new Map<string, Line>()
    groups.set(group, messages)
    if (verb !== 'opened' && messages.get(message)?.[0] !== 'done') messages.set(message, line)
  }
  if (groups.size === 0) return published
  let sum = 0
  for (const messages of groups.values()) sum += published - [...messages.values()].filter(isSettled).length
  return sum
}

function isSettled([verb, , , at]: Line): boolean {
  // Whoever asked was killed before the answer came.
  return verb === 'done' || (verb === 'asked' && Date.now() - at > IN_DOUBT_MS)
}

function linesOf(path: string): readonly Line[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Line)
}

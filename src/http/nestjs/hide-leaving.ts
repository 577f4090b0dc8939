import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Told } from '../node/disguise.ts'

const LISTENS = ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const

type Listen = (event: string, ...words: unknown[]) => unknown

/**
 * Returns properties of the connection that hide when its client leaves. Nest watches the connection itself, and would
 * stop a stream or an Observable half-way, so that the answer is lost.
 */
export function hideLeaving(req: IncomingMessage): Told {
  const { socket } = req
  const listens = LISTENS.map((name) => {
    const listen = (socket[name] as Listen).bind(socket)
    return [
      name,
      (event: string, ...words: unknown[]): Socket => {
        if (event !== 'close') listen(event, ...words)
        return req.socket
      },
    ]
  })
  return { destroyed: false, ...Object.fromEntries(listens) }
}

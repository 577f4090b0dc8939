import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The responses of a connection that have not closed, in the order of their requests. */
const open = new WeakMap<Socket, Set<ServerResponse>>()

/** Remembers a response until it closes, for a request behind it that asks for an upgrade. */
export function queue({ socket }: IncomingMessage, res: ServerResponse): void {
  const before = open.get(socket) ?? new Set()
  open.set(socket, before.add(res))
  res.on('close', () => before.delete(res))
}

/** Whether a request of this connection is not answered to its end. */
export function isAnswering(socket: Socket): boolean {
  return (open.get(socket)?.size ?? 0) > 0
}

/**
 * Calls `then` when the answers before it on the connection are over, unless they have ended it. Node emits `upgrade` at
 * once, also for a request that was pipelined behind others, and removes its listeners from the connection.
 * @param waiting holds the connection until then: no server closes it
 */
export function inTurn(socket: Socket, waiting: Set<Socket>, then: () => void): void {
  const before = [...(open.get(socket) ?? [])]
  const last = before.at(-1)
  if (last === undefined) return void then()
  const ignore = () => {}
  const drained = () => before.find((res) => !res.closed)?.emit('drain')
  waiting.add(socket)
  // Without a listener an `error` ends the process.
  socket.on('error', ignore)
  socket.on('drain', drained)
  last.once('close', () => {
    waiting.delete(socket)
    socket.off('drain', drained)
    socket.off('error', ignore)
    if (!socket.writable) return
    // Node has set one, for a connection that has no request.
    socket.setTimeout(0)
    then()
  })
}
